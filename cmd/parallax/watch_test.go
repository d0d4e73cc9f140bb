// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
)

// screenText collects what a program writes to its terminal.
type screenText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screenText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// has reports whether the terminal was sent some bytes.
func (s *screenText) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), text)
}

// await waits until the terminal was sent the text.
func (s *screenText) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		all := ansi.Strip(s.text.String())
		s.mu.Unlock()
		if strings.Contains(all, text) {
			return
		}
	}
	t.Fatalf("the terminal was never sent %q:\n%q", text, s.text.String())
}

// The screen shows a run that goes on and its end, and leaves the terminal as it was. Elsewhere there are lines, whose
// status says how the run ended.
func TestWatch(t *testing.T) {
	x := inTerminal(t, "", "100000")
	command := func(args ...string) *exec.Cmd {
		c := exec.Command("parallax", append([]string{"watch"}, args...)...)
		c.Env = append(os.Environ(), "TERM=xterm-256color")
		return c
	}
	c := command(x.dir)
	terminal, err := pty.StartWithSize(c, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	var seen screenText
	go io.Copy(&seen, terminal)
	seen.await(t, "running")
	seen.await(t, "kNN accuracy")
	lines := command(x.dir, "--plain", "--every", "1s")
	var said, failed screenText
	lines.Stdout, lines.Stderr = &said, &failed
	if err := lines.Start(); err != nil {
		t.Fatal(err)
	}
	said.await(t, "images/s")
	if err := x.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	x.Wait()
	seen.await(t, "stopped")
	if _, err := terminal.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("after q: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); !seen.has("\x1b[?1049l"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the terminal still shows the alternate screen")
		}
	}
	err = lines.Wait()
	var exited *exec.ExitError
	if !errors.As(err, &exited) || exited.ExitCode() != 1 || !strings.Contains(failed.text.String(),
		"pretrain --resume") {
		t.Errorf("the lines end with %v: %s", err, failed.text.String())
	}
	if strings.Contains(said.text.String(), "\x1b") {
		t.Errorf("lines have escape codes: %q", said.text.String())
	}
}
