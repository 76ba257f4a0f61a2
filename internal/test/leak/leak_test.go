package leak

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	defer endsWith(runtime.NumGoroutine(), time.Minute) // so that the next run begins without the leak of this one
	end := make(chan struct{})
	wait := func() { <-end }
	var report bytes.Buffer
	leaks := func() int {
		go wait()
		return 0
	}
	if code := check(leaks, time.Millisecond, &report); code != 1 || !bytes.Contains(report.Bytes(), []byte("leak.TestCheck")) {
		t.Errorf("a leak: code %d, report:\n%s", code, report.Bytes())
	}
	report.Reset()
	ends := func() int {
		close(end)
		return 0
	}
	if code := check(ends, time.Minute, &report); code != 0 || report.Len() > 0 {
		t.Errorf("no leak: code %d, report:\n%s", code, report.Bytes())
	}
	if code := check(func() int { return 2 }, time.Minute, &report); code != 2 {
		t.Errorf("failed tests: code %d", code)
	}
}
