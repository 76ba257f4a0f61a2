package typescript_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/test/need"
	"github.com/wsgate/wsgate/internal/test/typescript"
)

const guide = "../../../docs/clients.md"

// maxSize is how large the client may be in bytes, minified and gzipped.
const maxSize = 5 << 10

// The guide has the size, and it is within its bound.
func TestSize(t *testing.T) {
	dir := project(t)
	minified := run(t, dir, nil, filepath.Join("node_modules", "esbuild", "bin", "esbuild"),
		"node_modules/@wsgate/client/dist/index.js", "--bundle", "--minify", "--format=esm", "--target=es2022")
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(minified)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d minified", zipped.Len(), len(minified))
	if zipped.Len() > maxSize {
		t.Errorf("%d bytes, want at most %d", zipped.Len(), maxSize)
	}
	if want := fmt.Sprintf("is %.1f KB minified and\ngzipped", float64(zipped.Len())/1024); !strings.Contains(read(t, guide), want) {
		t.Errorf("%s does not say %q", guide, want)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// npm packs what the package builds, and nothing else.
func TestPack(t *testing.T) {
	npm := need.Program(t, "npm")
	dir := project(t)
	own := filepath.Join(dir, "package")
	if err := os.CopyFS(own, os.DirFS(typescript.Package())); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(own, "dist")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), npm, "pack", "--dry-run", "--json", "--offline")
	cmd.Dir = own
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "node_modules", ".bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var packed []struct {
		Name  string
		Files []struct{ Path string }
	}
	if err := json.Unmarshal(out[bytes.IndexByte(out, '['):], &packed); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var files []string
	for _, f := range packed[0].Files {
		files = append(files, f.Path)
	}
	slices.Sort(files)
	want := []string{"LICENSE", "README.md", "package.json"}
	for _, name := range []string{"client", "codec", "contract", "errors", "index", "page", "writer"} {
		want = append(want, "dist/"+name+".d.ts", "dist/"+name+".js")
	}
	slices.Sort(want)
	if !slices.Equal(files, want) {
		t.Errorf("%s has %q, want %q", packed[0].Name, files, want)
	}
	if read(t, filepath.Join(typescript.Package(), "LICENSE")) != read(t, "../../../LICENSE") {
		t.Error("the package's LICENSE is not that of the repository")
	}
	imported := regexp.MustCompile(`(?m)^(?:import|export) .* from "([^"]*)"`)
	for _, name := range want {
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		for _, m := range imported.FindAllStringSubmatch(read(t, filepath.Join(own, name)), -1) {
			if !slices.Contains(want, "dist/"+strings.TrimPrefix(m[1], "./")) {
				t.Errorf("%s needs %q, which is not in the package", name, m[1])
			}
		}
	}
}

// fence is a block of code in the guide. Its first line names its file.
var fence = regexp.MustCompile("(?ms)^```(ts|tsx|js|svelte|html|text)\n(.*?)^```$")

// samples writes the samples of the guide into a folder, and returns their texts by name.
func samples(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, m := range fence.FindAllStringSubmatch(read(t, guide), -1) {
		name := "page.html"
		switch first, _, _ := strings.Cut(m[2], "\n"); m[1] {
		case "text":
			name = "output.txt"
		case "html":
		default:
			name = strings.TrimSuffix(strings.TrimLeft(strings.TrimPrefix(first, "<!-- "), "/ "), " -->")
		}
		if found[name] != "" {
			t.Fatalf("%s has two samples %s", guide, name)
		}
		found[name] = m[2]
		if err := os.WriteFile(filepath.Join(dir, name), []byte(m[2]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// Each sample of the guide compiles; that for Node prints what the guide says.
func TestSamples(t *testing.T) {
	dir := project(t)
	found := samples(t, dir)
	for _, name := range []string{"chat.ts", "talk.ts", "login.ts", "Room.tsx", "Room.svelte", "bot.mjs", "page.html", "output.txt"} {
		if found[name] == "" {
			t.Fatalf("%s has no sample %s", guide, name)
		}
	}
	script := regexp.MustCompile(`(?s)<script lang="ts">(.*?)</script>`).FindStringSubmatch(found["Room.svelte"])
	if script == nil {
		t.Fatal("the sample for Svelte has no script")
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The script's types, with the runes that Svelte declares.
	write("svelte-script.ts", "/// <reference types=\"svelte\" />\nexport {};\n"+script[1]+"\nvoid [say, text, chat, state];\n")
	typescript.Compile(t, "--noEmit", "--strict", "--target", "ES2022", "--module", "NodeNext", "--lib", "ES2022,DOM", "--jsx", "react-jsx",
		"--types", "", "--skipLibCheck", filepath.Join(dir, "talk.ts"), filepath.Join(dir, "login.ts"), filepath.Join(dir, "Room.tsx"),
		filepath.Join(dir, "svelte-script.ts"))
	write("svelte.mjs", `import { compile } from "svelte/compiler";
import { readFileSync } from "node:fs";
const { js, warnings } = compile(readFileSync("Room.svelte", "utf8"), { filename: "Room.svelte", generate: "client" });
if (warnings.length > 0 || !js.code.includes("Room")) throw new Error(warnings.join("\n") || js.code);
`)
	run(t, dir, nil, "node", "svelte.mjs")

	s := serve(t, dir)
	write("bot.mjs", strings.ReplaceAll(found["bot.mjs"], "localhost:3100", s.Address))
	if got := run(t, dir, nil, "node", "bot.mjs"); got != found["output.txt"] {
		t.Errorf("got\n%s\nwant\n%s", got, found["output.txt"])
	}
}
