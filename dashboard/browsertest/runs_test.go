// SPDX-License-Identifier: Apache-2.0

package browsertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
	"github.com/parallax-ssl/parallax/run"
)

// program is the command, which `make build` builds.
const program = "../../bin/parallax"

// A child is a running command.
type child struct {
	*exec.Cmd
	out  bytes.Buffer
	done chan struct{}
	err  error
}

// start starts the command. It is killed when the test ends.
func start(t testing.TB, args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(program, args...), done: make(chan struct{})}
	c.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
	c.Stdout, c.Stderr = &c.out, &c.out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.err = c.Wait(); close(c.done) }()
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may have ended
		<-c.done
	})
	return c
}

// end waits for a command, which must exit with this status.
func (c *child) end(t testing.TB, status int) {
	t.Helper()
	<-c.done
	if got := c.ProcessState.ExitCode(); got != status {
		t.Fatalf("%q: status %d, want %d: %v\n%s", c.Args, got, status, c.err, c.out.Bytes())
	}
}

// signal sends a signal to a command.
func (c *child) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// pretrain starts a tiny run of SimSiam on the synthetic images.
func pretrain(t testing.TB, out string, steps int, more ...string) *child {
	t.Helper()
	return start(t, append([]string{"pretrain", "--data", "synthetic", "--method", "simsiam", "--preset", "tiny-cpu",
		"--backbone", "resnet8",
		"--set", "backbone.width=8", "--batch", "64", "--threads", "1", "--set", "probe.limit=300", "--set",
		"probe.linear=false",
		"--log-every", "1", "--eval-every", "10", "--max-steps", fmt.Sprint(steps), "--out", out}, more...)...)
}

// events returns what a run has written.
func events(t testing.TB, dir string) (all []run.Event) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, run.MetricsFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var e run.Event
		if json.Unmarshal(line, &e) == nil { // else it is being written
			all = append(all, e)
		}
	}
	return all
}

// stepsDone is the last step that a run has logged.
func stepsDone(t testing.TB, dir string) (step int) {
	t.Helper()
	for _, e := range events(t, dir) {
		if e.Event == run.StepEnd {
			step = e.Step
		}
	}
	return step
}

// until waits until a run has made some steps.
func (c *child) until(t testing.TB, dir string, steps int) {
	t.Helper()
	for stepsDone(t, dir) < steps {
		select {
		case <-c.done:
			t.Fatalf("%q has ended: %v\n%s", c.Args, c.err, c.out.Bytes())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stage is what the tests look at: some folders, and the dashboard that shows them.
type stage struct {
	top     string // the folder
	url     string // of the dashboard, without the last slash
	opening string // the address that the dashboard printed, with the token
	growing *child // a run that is held
}

// dir is the path of a run on the stage.
func (s *stage) dir(name string) string { return filepath.Join(s.top, name) }

// set makes the runs: a healthy one, one that collapses and is stopped by the guard, one that is broken off, and one
// that goes on; a clustering by the first, a sweep, and a laboratory whose runs are copies.
func set(t *testing.T) *stage {
	t.Helper()
	if _, err := os.Stat(program); err != nil {
		t.Skipf("no %s: make build", program)
	}
	s := &stage{top: t.TempDir()}
	healthy := pretrain(t, s.dir("healthy"), 30)
	growing := pretrain(t, s.dir("growing"), 100_000, "--report=false")
	growing.until(t, s.dir("growing"), 12)
	growing.signal(t, syscall.SIGSTOP)
	s.growing = growing
	healthy.end(t, 0)
	sweep := start(t, "sweep", "--data", "synthetic:400", "--method", "simsiam", "--seeds", "2", "--preset", "tiny-cpu",
		"--backbone", "resnet8", "--set", "backbone.width=8", "--batch", "64", "--steps", "4", "--eval-every", "2",
		"--jobs", "1", "--threads", "1", "--out", s.dir("sweep"))
	clusters := start(t, "cluster", "--data", "synthetic", "--classes", "4", "--run", s.dir("healthy"), "--threads",
		"1", "--max-steps", "3", "--batch", "64", "--out", s.dir("clusters"))
	collapsed := pretrain(t, s.dir("deep/collapsed"), 300, "--report=false", "--set", "method.stop_gradient=false",
		"--set", "optim.base_rate=0.5", "--on-collapse", "stop")
	collapsed.end(t, 3)
	stopped := pretrain(t, s.dir("deep/stopped"), 100_000, "--report=false")
	stopped.until(t, s.dir("deep/stopped"), 6)
	stopped.signal(t, os.Interrupt)
	stopped.end(t, 130)
	clusters.end(t, 0)
	sweep.end(t, 0)
	s.laboratory(t)
	s.dashboard(t)
	return s
}

// laboratory writes a laboratory of one claim. Its runs are the healthy one and the one that collapsed.
func (s *stage) laboratory(t *testing.T) {
	t.Helper()
	p := lab.Plan{Experiments: []string{"SIM-01"}, Data: "synthetic", Seeds: 2, Steps: 30}
	experiments, err := p.Choose(claims.All)
	if err != nil {
		t.Fatal(err)
	}
	dir := s.dir("laboratory")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, j := range p.Jobs(experiments) {
		from := "healthy"
		if len(j.Arm.Set) > 0 {
			from = "deep/collapsed"
		}
		at := filepath.Join(dir, j.Dir())
		if err := os.MkdirAll(at, 0o777); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{run.ConfigFile, run.MetricsFile} {
			text, err := os.ReadFile(filepath.Join(s.dir(from), name))
			if err == nil {
				err = os.WriteFile(filepath.Join(at, name), text, 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// dashboard starts the dashboard, and returns the function that stops it and tells which time of the processor it took.
func (s *stage) dashboard(t testing.TB) (stop func() time.Duration) {
	t.Helper()
	c := exec.Command(program, "dashboard", s.top, "--addr", "127.0.0.1:0")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c.Stderr = &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceValue(func() time.Duration {
		_ = c.Process.Signal(os.Interrupt)
		if err := c.Wait(); c.ProcessState.ExitCode() != 130 {
			t.Errorf("the dashboard ended with %v\n%s", err, log.Bytes())
		}
		return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	})
	t.Cleanup(func() { stop() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the dashboard printed %q: %v\n%s", line, err, log.Bytes())
	}
	s.opening = strings.TrimSpace(line)
	s.url, _, _ = strings.Cut(s.opening, "/?")
	return stop
}
