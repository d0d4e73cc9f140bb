// SPDX-License-Identifier: Apache-2.0

// Package subject runs the program that is tried, in small and short runs, and compares what two runs left on disk.
package subject

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Program is a build of parallax.
type Program struct {
	Path string
	Env  []string
}

// New is the program at path with the engine library of the module at root, unless another one lies beside the program
// or PARALLAX_SHIM names one.
func New(path, root string) (Program, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Program{}, err
	}
	p := Program{Path: path, Env: append(os.Environ(), "OMP_NUM_THREADS=1")}
	library := "libparallax_shim.so"
	if runtime.GOOS == "darwin" {
		library = "libparallax_shim.dylib"
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), library)); err != nil && os.Getenv("PARALLAX_SHIM") == "" {
		p.Env = append(p.Env, "PARALLAX_SHIM="+filepath.Join(root, "bin", library))
	}
	if _, err := os.Stat(path); err != nil {
		return p, fmt.Errorf("%w: build it with \"make build\"", err)
	}
	return p, nil
}

// Hash tells builds of the program apart.
func (p Program) Hash() (string, error) {
	data, err := os.ReadFile(p.Path)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6]), err
}

// With is the program with more variables in its environment.
func (p Program) With(env ...string) Program {
	p.Env = append(append([]string(nil), p.Env...), env...)
	return p
}

// Ending is how a process ended.
type Ending struct {
	Status  int            // -1 after a signal
	Signal  syscall.Signal // 0 if none ended it
	Output  string         // standard output and error
	Error   string         // standard error alone
	Seconds float64
	Peak    int64 // the largest resident size in bytes
}

func (e Ending) String() string {
	if e.Signal != 0 {
		return fmt.Sprintf("ended by %v: %s", e.Signal, tail(e.Output))
	}
	return fmt.Sprintf("status %d: %s", e.Status, tail(e.Output))
}

// tail is the last lines of a text, on one line.
func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " / ")
}

// A Process is the program while it runs.
type Process struct {
	Command *exec.Cmd
	begin   time.Time
	both    *bytes.Buffer
	err     *bytes.Buffer
	ended   chan struct{}
	ending  Ending
}

// twice writes to the common buffer and to its own.
type twice struct {
	all *locked
	own *bytes.Buffer
}

type locked struct {
	mutex chan bool
	b     bytes.Buffer
}

func (w twice) Write(p []byte) (int, error) {
	w.all.mutex <- true
	defer func() { <-w.all.mutex }()
	if w.own != nil {
		w.own.Write(p)
	}
	return w.all.b.Write(p)
}

// starter is a thread that starts processes and never traces one. A tracer waits for the children of its own thread, so
// it would take the end of a process that its thread had started before.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func start(c *exec.Cmd) error {
	done := make(chan error)
	starter() <- func() { done <- c.Start() }
	return <-done
}

// Start starts the program in a folder. change, if not nil, may change the command first.
func (p Program) Start(ctx context.Context, dir string, arguments []string, change func(*exec.Cmd)) (*Process, error) {
	c := exec.CommandContext(ctx, p.Path, arguments...)
	c.Dir, c.Env = dir, p.Env
	all := &locked{mutex: make(chan bool, 1)}
	r := &Process{Command: c, begin: time.Now(), both: &all.b, err: &bytes.Buffer{}, ended: make(chan struct{})}
	c.Stdout, c.Stderr = twice{all: all}, twice{all, r.err}
	c.WaitDelay = 10 * time.Second
	if change != nil {
		change(c)
	}
	if err := start(c); err != nil {
		return nil, err
	}
	go func() {
		defer close(r.ended)
		err := c.Wait()
		r.ending = Ending{Status: c.ProcessState.ExitCode(), Output: r.both.String(), Error: r.err.String(),
			Seconds: time.Since(r.begin).Seconds()}
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			r.ending.Output += err.Error()
		}
		if w, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			r.ending.Signal = w.Signal()
		}
		if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			r.ending.Peak = int64(u.Maxrss) << 10
		}
	}()
	return r, nil
}

// Ended is closed when the process has ended.
func (r *Process) Ended() <-chan struct{} { return r.ended }

// Wait waits for the end.
func (r *Process) Wait() Ending {
	<-r.ended
	return r.ending
}

// Signal sends a signal after a while. It reports whether the process was still there.
func (r *Process) Signal(after time.Duration, s syscall.Signal) bool {
	select {
	case <-r.ended:
		return false
	case <-time.After(after):
	}
	return r.Command.Process.Signal(s) == nil
}

// Run runs the program to its end.
func (p Program) Run(ctx context.Context, dir string, arguments ...string) (Ending, error) {
	r, err := p.Start(ctx, dir, arguments, nil)
	if err != nil {
		return Ending{}, err
	}
	return r.Wait(), nil
}

// Methods lists the methods that the program trains by themselves.
func (p Program) Methods(ctx context.Context) ([]string, error) {
	e, err := p.Run(ctx, "", "methods")
	if err != nil || e.Status != 0 {
		return nil, fmt.Errorf("listing the methods: %w%v", err, e)
	}
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(e.Output), "\n")[1:] {
		if name := strings.Fields(line)[0]; name != "scan" { // scan is a stage of the command cluster
			names = append(names, name)
		}
	}
	return names, nil
}
