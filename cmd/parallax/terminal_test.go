// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is a run in a terminal of its own.
type terminal struct {
	*exec.Cmd
	dir    string
	screen *os.File
}

// inTerminal starts a run in a terminal, after what the shell does first, and waits for its first step.
func inTerminal(t *testing.T, first string, steps string) *terminal {
	t.Helper()
	dir := t.TempDir()
	settings := filepath.Join(dir, "tiny.yaml")
	if err := os.WriteFile(settings, []byte(tiny), 0o666); err != nil {
		t.Fatal(err)
	}
	x := &terminal{dir: filepath.Join(dir, "run")}
	x.Cmd = exec.Command("sh", "-c", first+`exec parallax "$@"`, "sh", "pretrain", "--config", settings,
		"--preset", "tiny-cpu", "--method", "simclr", "--max-steps", steps, "--save-every", "100000", "--out", x.dir)
	x.Env = append(os.Environ(), "PARALLAX_SHIM="+engine(t), "TERM=xterm")
	var err error
	if x.screen, err = pty.Start(x.Cmd); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, x.screen)
	x.await(t, `"event":"step","step":10,`) // by then the untrained network was evaluated: a stop before saves nothing
	return x
}

// await waits until the run's metrics hold the text.
func (x *terminal) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if metrics, _ := os.ReadFile(filepath.Join(x.dir, "metrics.jsonl")); strings.Contains(string(metrics), text) {
			return
		}
		if time.Now().After(deadline) {
			x.Process.Kill()
			x.Wait()
			t.Fatalf("the metrics never held %s", text)
		}
	}
}

// status waits for the end of the run.
func (x *terminal) status(t *testing.T) int {
	t.Helper()
	var exit *exec.ExitError
	if err := x.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return x.ProcessState.ExitCode()
}

// A terminal that is closed hangs up: the run writes a checkpoint.
func TestClosedTerminal(t *testing.T) {
	x := inTerminal(t, "", "100000")
	x.screen.Close()
	if got := x.status(t); got != 129 {
		t.Errorf("status %d, want 129", got)
	}
	if saved, _ := filepath.Glob(filepath.Join(x.dir, "checkpoints", "step-*", "manifest.json")); len(saved) != 1 {
		t.Errorf("checkpoints: %q", saved)
	}
}

// A run that ignores the hang-up, as under nohup, trains to its end without a display.
func TestClosedTerminalUnderNohup(t *testing.T) {
	x := inTerminal(t, `trap "" HUP; `, "60")
	x.screen.Close()
	if got := x.status(t); got != 0 {
		t.Errorf("status %d, want 0", got)
	}
	if _, err := os.Stat(filepath.Join(x.dir, "encoder.safetensors")); err != nil {
		t.Error(err)
	}
}

// Ctrl-Z stops a run, and fg continues it.
func TestSuspended(t *testing.T) {
	x := inTerminal(t, "", "40")
	defer x.screen.Close()
	if err := x.Process.Signal(syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	if err := x.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := x.status(t); got != 0 {
		t.Errorf("status %d, want 0", got)
	}
}

// Every way in which the reader of a run's output goes away leaves a run that trains to its end.
func TestReaderGone(t *testing.T) {
	for _, json := range []string{"", " --json"} {
		dir := t.TempDir()
		settings := filepath.Join(dir, "tiny.yaml")
		if err := os.WriteFile(settings, []byte(tiny), 0o666); err != nil {
			t.Fatal(err)
		}
		train := `parallax pretrain --config tiny.yaml --preset tiny-cpu --method simclr --out run` + json
		c := exec.Command("sh", "-c", `(`+train+` 2>&1; echo $? >status) | head -n 1`)
		c.Dir, c.Env = dir, append(os.Environ(), "PARALLAX_SHIM="+engine(t))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "status")); string(got) != "0\n" {
			t.Errorf("pretrain%s: status %q, want 0", json, got)
		}
		if _, err := os.Stat(filepath.Join(dir, "run", "encoder.safetensors")); err != nil {
			t.Error(err)
		}
	}
}
