package main_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// deployment is what kubernetes.yaml may have of all that Kubernetes knows: a field of another name is a mistake.
type deployment struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name        string
		Annotations map[string]string
	}
	Spec struct {
		Replicas int
		Strategy struct {
			RollingUpdate struct {
				MaxUnavailable int `yaml:"maxUnavailable"`
				MaxSurge       int `yaml:"maxSurge"`
			} `yaml:"rollingUpdate"`
		}
		Selector map[string]any // of a Deployment and of a Service
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		Ports []struct {
			Port       int
			TargetPort int `yaml:"targetPort"`
		}
		IngressClassName string `yaml:"ingressClassName"`
		Rules            []struct {
			Host string
			HTTP struct {
				Paths []struct {
					Path     string
					PathType string `yaml:"pathType"`
					Backend  struct {
						Service struct {
							Name string
							Port struct{ Number int }
						}
					}
				}
			}
		}
	}
}

type pod struct {
	Grace      int `yaml:"terminationGracePeriodSeconds"`
	Containers []struct {
		Name, Image string
		Args        []string
		Ports       []struct {
			ContainerPort int `yaml:"containerPort"`
		}
		ReadinessProbe struct {
			HTTPGet struct {
				Path string
				Port int
			} `yaml:"httpGet"`
			PeriodSeconds int `yaml:"periodSeconds"`
		} `yaml:"readinessProbe"`
		LivenessProbe struct {
			TCPSocket struct{ Port int } `yaml:"tcpSocket"`
			Period    int                `yaml:"periodSeconds"`
			Failures  int                `yaml:"failureThreshold"`
		} `yaml:"livenessProbe"`
		Lifecycle struct {
			PreStop struct{ Exec struct{ Command []string } } `yaml:"preStop"`
		}
		VolumeMounts []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
		} `yaml:"volumeMounts"`
	}
	Volumes []struct {
		Name     string
		EmptyDir struct{} `yaml:"emptyDir"`
	}
}

// manifests reads kubernetes.yaml, by kind.
func manifests(t *testing.T) map[string]deployment {
	t.Helper()
	text, err := os.ReadFile("deploy/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]deployment{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	for {
		var d deployment
		if err := decoder.Decode(&d); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found[d.Kind] = d
	}
}

// longestStop is how long a shutdown of the chat may take.
func longestStop(t *testing.T) time.Duration { return newChat(t).Routes()[0].Limits.Drain }

// flagOf returns the value of a flag of the chat.
func flagOf(args []string, name string) string {
	i := slices.Index(args, name)
	if i < 0 || i+1 == len(args) {
		return ""
	}
	return args[i+1]
}

// Kubernetes reaches the chat where it listens, asks it where it answers, and gives it the time that it needs.
func TestKubernetes(t *testing.T) {
	all := manifests(t)
	d, service, ingress := all["Deployment"].Spec.Template, all["Service"].Spec, all["Ingress"].Spec
	c := d.Spec.Containers[0]
	if labels := all["Deployment"].Spec.Selector["matchLabels"]; labels.(map[string]any)["app"] != d.Metadata.Labels["app"] ||
		service.Selector["app"] != d.Metadata.Labels["app"] {
		t.Errorf("the selectors do not choose the pods with the labels %v", d.Metadata.Labels)
	}
	_, addr, _ := strings.Cut(flagOf(c.Args, "-addr"), ":")
	port, _ := strconv.Atoi(addr)
	for name, p := range map[string]int{
		"the container's": c.Ports[0].ContainerPort, "the readiness probe's": c.ReadinessProbe.HTTPGet.Port,
		"the liveness probe's": c.LivenessProbe.TCPSocket.Port, "the service's target": service.Ports[0].TargetPort,
	} {
		if p != port {
			t.Errorf("%s port is %d, and the chat listens on %d", name, p, port)
		}
	}
	rule := ingress.Rules[0]
	backend := rule.HTTP.Paths[0].Backend.Service
	if rule.Host != flagOf(c.Args, "-hosts") {
		t.Errorf("the host is %q, and the chat answers for %q", rule.Host, flagOf(c.Args, "-hosts"))
	}
	if backend.Name != all["Service"].Metadata.Name || backend.Port.Number != service.Ports[0].Port {
		t.Errorf("the backend is %v, and the service %q at %d", backend, all["Service"].Metadata.Name, service.Ports[0].Port)
	}
	if dir := filepath.Dir(flagOf(c.Args, "-db")); dir != c.VolumeMounts[0].MountPath || c.VolumeMounts[0].Name != d.Spec.Volumes[0].Name {
		t.Errorf("the database is in %s, which is no volume", dir)
	}

	stop := c.Lifecycle.PreStop.Exec.Command
	before, err := strconv.Atoi(stop[len(stop)-1])
	if err != nil || stop[0] != "sleep" {
		t.Fatalf("preStop is %q", stop)
	}
	if grace := time.Duration(d.Spec.Grace-before) * time.Second; grace <= longestStop(t) {
		t.Errorf("the chat has %v to stop, and needs up to %v", grace, longestStop(t))
	}
	app := newApp(t, filepath.Join(t.TempDir(), "chat.db"))
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	res := httptest.NewRecorder()
	app.ServeHTTP(res, httptest.NewRequest(http.MethodGet, c.ReadinessProbe.HTTPGet.Path, nil))
	if res.Code != http.StatusOK || strings.TrimSpace(res.Body.String()) != "ok" {
		t.Errorf("%s: %d %s", c.ReadinessProbe.HTTPGet.Path, res.Code, res.Body)
	}
	ping := newChat(t).Routes()[0].Limits.Ping
	for _, name := range []string{"proxy-read-timeout", "proxy-send-timeout"} {
		value := all["Ingress"].Metadata.Annotations["nginx.ingress.kubernetes.io/"+name]
		if seconds, err := strconv.Atoi(value); err != nil || time.Duration(seconds)*time.Second < 2*ping {
			t.Errorf("%s is %q, want at least twice the heartbeat's %v", name, value, ping)
		}
	}
}

// systemd reads the unit, starts the chat with flags that it has, and gives it the time that it needs.
func TestSystemd(t *testing.T) {
	const path = "deploy/chat.service"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			settings[name] = value
		}
	}
	seconds, err := strconv.Atoi(settings["TimeoutStopSec"])
	if err != nil || time.Duration(seconds)*time.Second <= longestStop(t) {
		t.Errorf("TimeoutStopSec is %q, and the chat needs up to %v", settings["TimeoutStopSec"], longestStop(t))
	}
	if files, _ := strconv.Atoi(settings["LimitNOFILE"]); files < 50_000 {
		t.Errorf("LimitNOFILE is %q", settings["LimitNOFILE"])
	}
	start := strings.Fields(settings["ExecStart"])
	if dir := filepath.Dir(flagOf(start, "-db")); dir != "/var/lib/"+settings["StateDirectory"] {
		t.Errorf("the database is in %s, which is not the StateDirectory", dir)
	}
	for _, flag := range []string{"-addr", "-hosts", "-db"} {
		if flagOf(start, flag) == "" {
			t.Errorf("ExecStart has no %s", flag)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("not installed: systemd-analyze, so the names of the settings are not checked")
		return
	}
	// The program is not there: another one that is takes its place.
	unit := filepath.Join(t.TempDir(), "chat.service")
	if err := os.WriteFile(unit, bytes.Replace(text, []byte(start[0]), []byte("/bin/true"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", unit).CombinedOutput(); err != nil || bytes.Contains(out, []byte("chat.service")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// The guide shows the files as they are.
func TestDeployFilesInTheGuide(t *testing.T) {
	page, err := os.ReadFile("../../docs/deployment.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, language := range map[string]string{"chat.service": "ini", "kubernetes.yaml": "yaml"} {
		text, err := os.ReadFile(filepath.Join("deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(page, []byte("```"+language+"\n"+string(text)+"```\n")) {
			t.Errorf("docs/deployment.md does not show deploy/%s as it is", name)
		}
	}
}
