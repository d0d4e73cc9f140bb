// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/parallax-ssl/parallax/torch"
)

// ownVariable marks processes that Launch has started.
const ownVariable = "PARALLAX_LAUNCHED"

// Launched reports whether [Launch] has started this process.
func Launched() bool { return os.Getenv(ownVariable) != "" }

// Grace is how long the other processes have to end by themselves after one has ended, and after a signal, before they
// are killed: as long as torchrun gives them.
const Grace = 30 * time.Second

// Command is what Launch starts several times.
type Command struct {
	Path   string // of the program
	Args   []string
	Nodes  Nodes     // which machines there are; PerNode processes are started on this one
	Stdout io.Writer // of the chief; what the others print is dropped
	Stderr io.Writer // of all; lines of the others begin with their rank
	// Signals are passed on to all processes.
	Signals <-chan os.Signal
	Lost    int // the status of a process that ends because another one is gone
}

// EndedError says that a process has failed.
type EndedError struct {
	Rank   int
	Status int // its exit status; that of a signal is 128 plus the signal's number
	Signal string
}

func (e *EndedError) Error() string {
	if e.Signal != "" {
		return fmt.Sprintf("process %d was ended by a signal: %s", e.Rank, e.Signal)
	}
	return fmt.Sprintf("process %d has ended with status %d", e.Rank, e.Status)
}

// Launch starts the processes of this machine, each with its place in the environment, and waits until all have ended.
// When one fails, the others notice it and end by themselves; those that do not within [Grace] are killed. The error is
// the [EndedError] of the process that failed first by itself. On a single machine Launch serves the store.
func Launch(ctx context.Context, c Command) error {
	n := c.Nodes
	if n.PerNode < 1 {
		return fmt.Errorf("starting %d processes: there must be at least 1 on each machine", n.PerNode)
	}
	served := n.Nodes <= 1
	if served {
		store, err := torch.OpenStore(torch.StoreOptions{Host: "127.0.0.1", Serve: true, Wait: DefaultWait})
		if err != nil {
			return fmt.Errorf("serving the processes' store: %w", err)
		}
		defer store.Close()
		if n.Port, err = store.Port(); err != nil {
			return err
		}
		n.Nodes, n.Node, n.Host = 1, 0, "127.0.0.1"
	}
	l := &launch{Command: c, ended: make(chan ended, n.PerNode)}
	for local := range n.PerNode {
		if err := l.start(n, local, served); err != nil {
			l.signal(os.Kill)
			return errors.Join(err, l.wait(ctx))
		}
	}
	return l.wait(ctx)
}

// launch is processes that were started.
type launch struct {
	Command
	all   []*exec.Cmd
	ended chan ended
	lines sync.Mutex // held by whoever writes lines
}

// ended is a process that has ended.
type ended struct {
	rank int
	err  error
}

func (l *launch) start(n Nodes, local int, served bool) error {
	rank := n.Node*n.PerNode + local
	c := exec.Command(l.Path, l.Args...)
	c.Env = append(os.Environ(),
		"RANK="+strconv.Itoa(rank), "WORLD_SIZE="+strconv.Itoa(n.Nodes*n.PerNode), "LOCAL_RANK="+strconv.Itoa(local),
		"LOCAL_WORLD_SIZE="+strconv.Itoa(n.PerNode), "GROUP_RANK="+strconv.Itoa(n.Node),
		"MASTER_ADDR="+n.Host, "MASTER_PORT="+strconv.Itoa(n.Port), ownVariable+"=1")
	if served {
		c.Env = append(c.Env, "TORCHELASTIC_USE_AGENT_STORE=True")
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C reaches it once, through the launcher
	var done func()
	if rank == 0 {
		c.Stdout, c.Stderr, done = l.Stdout, l.Stderr, func() {}
	} else {
		errors, err := c.StderrPipe()
		if err != nil {
			return err
		}
		var reading sync.WaitGroup
		reading.Go(func() { l.pass(rank, errors) })
		done = reading.Wait
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("starting process %d: %w", rank, err)
	}
	l.all = append(l.all, c)
	go func() {
		done()
		l.ended <- ended{rank, c.Wait()}
	}()
	return nil
}

// pass passes lines on, with the rank before each.
func (l *launch) pass(rank int, from io.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		l.lines.Lock()
		fmt.Fprintf(l.Stderr, "[%d] %s\n", rank, lines.Text())
		l.lines.Unlock()
	}
	_, _ = io.Copy(io.Discard, from)
}

func (l *launch) signal(s os.Signal) {
	for _, c := range l.all {
		_ = c.Process.Signal(s) // one that has ended takes none
	}
}

// wait passes signals on until all processes have ended.
func (l *launch) wait(ctx context.Context) (err error) {
	var kill <-chan time.Time
	hurry := func(s os.Signal) {
		if s != nil {
			l.signal(s)
		}
		if kill == nil {
			kill = time.After(Grace)
		}
	}
	over := ctx.Done()
	for left := len(l.all); left > 0; {
		select {
		case e := <-l.ended:
			left--
			if failed := failure(e); failed != nil {
				if ended := (*EndedError)(nil); err == nil || errors.As(err, &ended) && ended.Status == l.Lost {
					err = failed
				}
				hurry(nil) // the others notice by themselves, say why, and write what they have
			}
		case s := <-l.Signals:
			l.signal(s)
		case <-over:
			over = nil
			hurry(syscall.SIGTERM)
		case <-kill:
			l.signal(os.Kill)
		}
	}
	return err
}

func failure(e ended) error {
	exited := (*exec.ExitError)(nil)
	switch {
	case e.err == nil:
		return nil
	case !errors.As(e.err, &exited):
		return fmt.Errorf("waiting for process %d: %w", e.rank, e.err)
	}
	failed := &EndedError{Rank: e.rank, Status: exited.ExitCode()}
	if w, ok := exited.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		failed.Signal, failed.Status = w.Signal().String(), 128+int(w.Signal())
	}
	return failed
}
