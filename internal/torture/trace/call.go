// SPDX-License-Identifier: Apache-2.0

// Package trace runs a program under ptrace and stops at every system call that touches a file below a folder. There it
// can kill the program, send it a signal, or make the call fail, and it can record what the call did.
package trace

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// ErrUnsupported is the error where programs cannot be traced.
var ErrUnsupported = errors.New("tracing system calls needs Linux on amd64, and the permission to use ptrace")

// The operations of a Call.
const (
	Open      = "open"
	Close     = "close"
	Write     = "write"
	Truncate  = "truncate"
	Sync      = "fsync"
	Rename    = "rename"
	Remove    = "unlink"
	RemoveDir = "rmdir"
	Mkdir     = "mkdir"
	Lock      = "flock"
	Other     = "other" // a call that changes files and that this package does not describe
)

// A Call is one system call on a file below the folder.
type Call struct {
	Op       string
	Path, To string // relative to the folder, "." for itself; To is a rename's other path
	Data     []byte // of a write, if it was asked for
	Offset   int64  // of a write; -1 at the file's position
	Size     int64  // of a truncation
	Flags    int    // of an open
	FD       int
	Name     string // of an Other
	Result   int64  // once the call has ended: below 0 an error's number
}

// Changes reports whether the call may change the file system.
func (c *Call) Changes() bool {
	switch c.Op {
	case Close, Lock, Sync:
		return false
	case Open:
		return c.Flags&(syscall.O_CREAT|syscall.O_TRUNC) != 0
	}
	return true
}

var (
	numbers   = regexp.MustCompile(`step-\d+`)
	temporary = regexp.MustCompile(`(^|/)(\.[^/]*\.parallax-tmp-)[^/]*`)
	board     = regexp.MustCompile(`events\.out\.tfevents[^/]*`)
)

// Kind names the call without the step, the process and the time: calls of the same kind are at the same place of the
// program.
func (c *Call) Kind() string {
	kind := c.Op
	if c.Op == Open && c.Flags&(syscall.O_WRONLY|syscall.O_RDWR|syscall.O_CREAT) != 0 {
		kind = "open to write"
	}
	for _, path := range []string{c.Path, c.To} {
		if path == "" {
			continue
		}
		path = numbers.ReplaceAllString(path, "step-N")
		path = temporary.ReplaceAllString(path, "${1}${2}X")
		kind += " " + board.ReplaceAllString(path, "events.out.tfevents")
	}
	return kind
}

func (c *Call) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Op, c.Path, c.To))
}

// Answer says what happens to a call that is about to be made.
type Answer struct {
	Kill   bool           // kill the program instead
	Signal syscall.Signal // send it this signal first
	Errno  syscall.Errno  // let the call fail without being made
}

// Options of a Run.
type Options struct {
	Below string            // the folder, absolute and without links; it need not exist yet
	Data  bool              // read the bytes of writes
	Enter func(Call) Answer // before a call; may be nil
	Leave func(Call)        // after a call; may be nil
	// Clock, if not nil, is what the program's wall clock is ahead by. The clock that only runs forward stays.
	Clock func() time.Duration
}

// Run starts the command and traces it to its end. The command's output must be files, or nil.
func Run(c *exec.Cmd, o Options) (syscall.WaitStatus, error) { return run(c, o) }
