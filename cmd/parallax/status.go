// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// exitStatus returns the status of a command that ended with err. Package exit says what each status means.
func exitStatus(err error) int {
	if stopped, ok := asInterruption(err); ok {
		return stopped.status()
	}
	var invalid *run.InvalidError
	var ended *dist.EndedError
	var panicked *crash.Error
	switch {
	case err == nil:
		return exit.Done
	case errors.As(err, &ended):
		return ended.Status
	case errors.As(err, &panicked):
		return exit.Software
	case errors.As(err, &invalid):
		return exit.Usage
	case errors.Is(err, train.ErrNonFinite):
		return exit.Data
	case errors.Is(err, train.ErrCollapsed):
		return exit.Collapse
	case errors.Is(err, torch.ErrNoEngine):
		return exit.Engine
	case errors.Is(err, torch.ErrMemory):
		return exit.Memory
	case errors.Is(err, train.ErrStopped):
		return exit.OfSignal(syscall.SIGTERM)
	case errors.Is(err, dist.ErrLost):
		return exit.Lost
	case run.IsOutput(err):
		return exit.Output
	}
	return exit.Failure
}

// statuses is the end of a command's help: the ways in which it ends.
func statuses(others ...int) string { return "\n\n" + exit.Help(exit.Of(others...), 104) }

// oneLine is the error's text, joined errors separated by semicolons.
func oneLine(err error) string {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	return printable.Text(printable.Middle(text, 5000)) // a longer one holds something that is no text
}

// complain prints why a command failed, on one line. The stack of an internal error goes to a file.
func complain(err error) {
	outliveReader() // the status counts, whether or not somebody reads the message
	text := oneLine(err)
	var panicked *crash.Error
	if errors.As(err, &panicked) {
		text = fmt.Sprintf("%s; this is a fault of Parallax: please report it, with %s", text, dump(panicked))
	}
	fmt.Fprintln(os.Stderr, "parallax: "+text)
}

// dump writes the stack of a panic to a file and says where. Without a place for a file it prints the stack.
func dump(p *crash.Error) string {
	text := fmt.Sprintf("parallax %s\n%v\n\n%s", version+revision(), p.Value, p.Stack)
	for _, folder := range []string{"", "."} { // the folder for temporary files, or else the working folder
		f, err := os.CreateTemp(folder, "parallax-crash-*.txt")
		if err != nil {
			continue
		}
		_, err = f.WriteString(text)
		if err = errors.Join(err, f.Close()); err == nil {
			return "the stack in " + f.Name()
		}
	}
	fmt.Fprintln(os.Stderr, text)
	return "the stack above"
}
