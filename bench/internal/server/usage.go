//go:build linux

package server

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of the times in /proc: Linux fixes it at a hundredth of a
// second for every architecture that Go runs on.
const tick = 10 * time.Millisecond

// CPU is the processor time that the server has used so far, in the user's code
// and in the kernel's, over all its threads.
func (p *Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name and may hold anything; behind its
	// closing parenthesis utime and stime are the 12th and 13th.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc stat has %d fields", len(fields))
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * tick, nil
}

// Memory is what a server holds, in bytes. Heap and Stacks are 0 when it cannot
// tell.
type Memory struct{ Resident, Heap, Stacks uint64 }

// Memory has the server collect its garbage and then measures it.
func (p *Process) Memory() (Memory, error) {
	if _, err := fmt.Fprintln(p.control, commandMemory); err != nil {
		return Memory{}, err
	}
	answer, err := p.reply(replyMemory)
	if err != nil {
		return Memory{}, err
	}
	var m Memory
	if _, err := fmt.Sscanf(answer, "%d %d", &m.Heap, &m.Stacks); err != nil {
		return Memory{}, fmt.Errorf("reading memory %q: %w", answer, err)
	}
	m.Resident, err = p.Resident()
	return m, err
}

// Resident is the memory that the server's process holds, in bytes.
func (p *Process) Resident() (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, ok := bytes.Cut(b, []byte("VmRSS:"))
	if !ok {
		return 0, fmt.Errorf("/proc status has no VmRSS")
	}
	var kib uint64
	if _, err := fmt.Sscanf(string(after), "%d kB", &kib); err != nil {
		return 0, fmt.Errorf("reading VmRSS: %w", err)
	}
	return kib << 10, nil
}
