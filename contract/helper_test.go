package contract_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/contract"
	"github.com/wsgate/wsgate/internal/test/need"
	"github.com/wsgate/wsgate/internal/test/npm"
)

// info describes a route that sends and receives events with payloads of the types, by name.
type info struct {
	path     string
	envelope wsgate.Envelope
	emits    map[string]reflect.Type
	calls    map[string][2]reflect.Type
	sends    map[string]reflect.Type // nil for anything
	more     func(*wsgate.RouteInfo)
}

// route returns what an App would say of it.
func (i info) route() wsgate.RouteInfo {
	r := wsgate.RouteInfo{Path: i.path, Envelope: i.envelope, Limits: wsgate.Limits{Message: 64 << 10}}
	if r.Path == "" {
		r.Path = "/ws"
	}
	if r.Envelope == (wsgate.Envelope{}) {
		r.Envelope = wsgate.Envelope{Type: "type", ID: "id"}
	}
	for _, name := range sorted(i.emits) {
		i.event(&r, name, i.emits[name], nil)
	}
	for _, name := range sorted(i.calls) {
		i.event(&r, name, i.calls[name][0], i.calls[name][1])
	}
	if i.sends != nil {
		r.Sends = append(r.Sends, struct {
			Name    string
			Payload reflect.Type
		}{})[:0]
	}
	for _, name := range sorted(i.sends) {
		r.Sends = append(r.Sends, struct {
			Name    string
			Payload reflect.Type
		}{name, i.sends[name]})
	}
	if i.more != nil {
		i.more(&r)
	}
	return r
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (i info) event(r *wsgate.RouteInfo, name string, payload, answer reflect.Type) {
	r.Events = slices.Grow(r.Events, 1)[:len(r.Events)+1]
	e := &r.Events[len(r.Events)-1]
	e.Name, e.Payload, e.Answer = name, payload, answer
}

// document returns the contract of routes.
func document(t testing.TB, routes ...info) *contract.Document {
	t.Helper()
	var infos []wsgate.RouteInfo
	for _, r := range routes {
		infos = append(infos, r.route())
	}
	d, err := contract.Build(contract.Info{}, infos...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// nodeDir makes a directory with the files, where node finds the packages.
func nodeDir(t *testing.T, files map[string][]byte, packages ...string) (dir string) {
	t.Helper()
	need.Program(t, "node")
	modules := npm.Modules(t, packages...)
	dir = t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// checkTypes has the TypeScript compiler check modules.
func checkTypes(t *testing.T, files map[string][]byte) {
	t.Helper()
	dir := nodeDir(t, files, "typescript")
	args := []string{"node_modules/typescript/bin/tsc", "--strict", "--noEmit", "--target", "esnext", "--module", "esnext"}
	for name := range files {
		args = append(args, name)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if len(out) > 4000 {
			out = out[:4000]
		}
		t.Errorf("tsc: %v\n%s", err, out)
	}
}

// checkDocuments has AsyncAPI's parser check documents.
func checkDocuments(t *testing.T, documents map[string]*contract.Document) {
	t.Helper()
	script, err := os.ReadFile("testdata/validate.mjs")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"validate.mjs": script}
	for name, d := range documents {
		files[name] = d.JSON()
	}
	dir := nodeDir(t, files, "@asyncapi/parser")
	args := []string{"validate.mjs"}
	for name := range documents {
		args = append(args, name)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the parser of AsyncAPI: %v\n%s", err, out)
	}
}
