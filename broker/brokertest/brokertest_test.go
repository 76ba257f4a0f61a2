package brokertest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/broker/brokertest"
	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/internal/test/parallel"
)

func TestMain(m *testing.M) {
	parallel.AtLeast(4)
	os.Exit(leak.Check(m.Run))
}

func config(e *engine) brokertest.Config {
	e.tables = map[string]map[string][]byte{}
	return brokertest.Config{
		New:   func(t testing.TB) wsgate.Broker { return e.node(t) },
		Stop:  func(testing.TB) { e.turn(true) },
		Start: func(testing.TB) { e.turn(false) },
	}
}

func TestRun(t *testing.T) {
	brokertest.Run(t, config(new(engine)))
}

// TestRunLess runs the suite for a broker that is no PresenceStore, and whose engine cannot be stopped.
func TestRunLess(t *testing.T) {
	e := new(engine)
	c := config(e)
	brokertest.Run(t, brokertest.Config{New: func(t testing.TB) wsgate.Broker { return broker{c.New(t)} }})
}

// faulty names the fault of the engine in a process that TestFaults has started.
const faulty = "BROKERTEST_FAULT"

// TestFaulty is what TestFaults runs.
func TestFaulty(t *testing.T) {
	fault := os.Getenv(faulty)
	if fault == "" {
		t.Skip("TestFaults runs it")
	}
	brokertest.Hurry(500 * time.Millisecond)
	brokertest.Run(t, config(&engine{fault: fault}))
}

// TestFaults runs each test of the suite with a fault that it has to find.
func TestFaults(t *testing.T) {
	for fault, test := range map[string]string{
		"one":              "delivery/reaches every subscriber",
		"reverse":          "delivery/keeps the order",
		"overlap":          "delivery/one call at a time",
		"noecho":           "delivery/comes back to its publisher",
		"keep":             "delivery/the publisher keeps it",
		"write":            "delivery/the publisher keeps it",
		"cut":              "delivery/arrives whole",
		"unconfirmed":      "delivery/after Subscribe has returned",
		"one line":         "delivery/beside a flood",
		"uncounted":        "delivery/beside a flood",
		"deaf":             "subscription/ends with unsubscribe",
		"slow unsubscribe": "subscription/begins again at once",
		"context":          "subscription/outlives its context",
		"refused":          "subscription/with a context that has ended",
		"fold":             "topics/that look alike",
		"short":            "topics/that look alike",
		"prefix":           "topics/below and above",
		"mute":             "watch",
		"stubborn":         "outage/is told to watchers",
		"chatter":          "outage/is told to watchers",
		"buffer":           "outage/Publish fails",
		"silent loss":      "outage/at the beginning",
		"refuse":           "outage/Subscribe does not wait",
		"forget":           "outage/Subscribe does not wait",
		"lose":             "outage/subscriptions come back",
		"undead":           "store/rows",
		"replace":          "store/rows",
		"no empty":         "store/values",
		"keep rows":        "store/values",
		"lend rows":        "store/values",
		"one table":        "store/names that look alike",
		"endless":          "store/with a context that has ended",
		"offline":          "store/during an outage",
		"leak":             "goroutines",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel() // in a process of its own
			name := strings.ReplaceAll("TestFaulty/"+test, " ", "_")
			run := exec.Command(os.Args[0], "-test.timeout=20s", "-test.run=^"+strings.ReplaceAll(name, "/", "$/^")+"$")
			run.Env = append(os.Environ(), faulty+"="+fault)
			out, err := run.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+name) {
				t.Errorf("got %v, want a failure of %s; the test said:\n%s", err, name, out)
			}
		})
	}
}
