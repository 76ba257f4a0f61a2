package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/coder/websocket"
)

// The exit codes. Help texts and the package comment repeat them.
const (
	exitOK          = 0
	exitAnswer      = 1
	exitUsage       = 2
	exitConnection  = 3
	exitTimeout     = 4
	exitOutput      = 5
	exitBreaking    = 6
	exitInterrupted = 130 // what shells report for a program that SIGINT ended
)

// failure is an error with an exit code. Every other error, including those of cobra, is a mistake in the command line.
type failure struct {
	code  int
	err   error
	final bool // reconnecting would not help
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func failf(code int, format string, args ...any) error {
	return &failure{code: code, err: fmt.Errorf(format, args...)}
}

var errInterrupted = failf(exitInterrupted, "interrupted")

// exitCode returns the code for the error of a command.
func exitCode(err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &f):
		return f.code
	default:
		return exitUsage
	}
}

// lost is the failure of an established connection.
func lost(err error) error {
	f := &failure{code: exitConnection}
	var closed websocket.CloseError
	switch {
	case !errors.As(err, &closed):
		f.err = fmt.Errorf("the connection broke: %w", err)
		return f
	case closed.Code == websocket.StatusNoStatusRcvd:
		f.err = errors.New("the server closed the connection without a code")
	case closed.Reason == "":
		f.err = fmt.Errorf("the server closed the connection with code %d", closed.Code)
	default:
		f.err = fmt.Errorf("the server closed the connection with code %d: %s", closed.Code, closed.Reason)
	}
	f.final = isFinal(closed.Code)
	return f
}

// isFinal reports whether a close code asks the client not to reconnect: it would be closed again, or replace the
// connection that has replaced it. See docs/protocol.md.
func isFinal(code websocket.StatusCode) bool {
	switch code {
	case websocket.StatusNormalClosure, websocket.StatusProtocolError, websocket.StatusUnsupportedData,
		websocket.StatusInvalidFramePayloadData, websocket.StatusPolicyViolation, websocket.StatusMessageTooBig:
		return true
	}
	return code >= 4000
}

// oneLine turns untrusted text into one line without terminal control characters.
func oneLine(text string) string {
	blank := func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}
	return strings.Join(strings.Fields(strings.Map(blank, text)), " ")
}

// shorten truncates a text for display.
func shorten(text string) string {
	const most = 200
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// output writes one line of a command's result.
func output(w io.Writer, line string) error {
	if _, err := io.WriteString(w, line+"\n"); err != nil {
		return failf(exitOutput, "writing the output: %w", err)
	}
	return nil
}
