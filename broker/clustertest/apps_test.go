package clustertest

import (
	"slices"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// startApps starts Apps in this process, each with a broker of its own.
func startApps(t *testing.T, s *server, count int) (apps []*wstest.App) {
	t.Helper()
	for i := range count {
		apps = append(apps, startApp(t, nodeName(i), s.connect(t)))
	}
	return apps
}

func startApp(t *testing.T, name string, b wsgate.Broker) *wstest.App {
	t.Helper()
	return wstest.New(t, (&crowd{name: name}).module(), wstest.With(options(b)), wstest.Timeout(patience))
}

// dialAll connects a client of nobody's to every App.
func dialAll(apps []*wstest.App) (clients []*wstest.Client) {
	for _, app := range apps {
		clients = append(clients, app.Dial("/"))
	}
	return clients
}

// emit sends a line, which may not fail.
func emit(t *testing.T, to wsgate.Target, text string) {
	t.Helper()
	if err := heard.Emit(to, line{Padding: text}); err != nil {
		t.Errorf("sending %q: %v", text, err)
	}
}

// wantLines fails the test unless the next lines that a client gets are these. What is on its way must come before them
// if it comes the same way, so that they end with one for which that is so.
func wantLines(t *testing.T, c *wstest.Client, want ...string) {
	t.Helper()
	var got []string
	for range want {
		got = append(got, wstest.Next(c, heard).Padding)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	wstest.Quiet(c)
}

// wantUncounted fails the test if an App has ignored something.
func wantUncounted(t *testing.T, apps []*wstest.App) {
	t.Helper()
	for i, app := range apps {
		if n := kit.Ignored(app); n != 0 {
			t.Errorf("%s has ignored %d messages, want none", nodeName(i), n)
		}
	}
}
