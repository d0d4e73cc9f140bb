// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

// halfway is the folder of a job of one run that was killed in the middle, with two checkpoints. Nobody changes it.
func halfway(b *campaign.Bench, j subject.Job) (string, error) {
	return campaign.Once(b, "halfway/"+string(j), func() (string, error) {
		folder, err := b.Folder("halfway-" + string(j))
		if err != nil {
			return "", err
		}
		for range 20 {
			if err := errors.Join(os.RemoveAll(j.Dir(folder)), j.Prepare(folder)); err != nil {
				return "", err
			}
			p, err := b.Program.Start(context.Background(), folder, j.Start(), nil)
			if err != nil {
				return "", err
			}
			until(p, func() bool { names, _ := checkpoint.List(j.Dir(folder)); return len(names) >= 2 })
			p.Signal(0, syscall.SIGKILL)
			p.Wait()
			if s := subject.Interrupted(j.Dir(folder), j.Method("")); s.Newest >= 2*subject.SaveEvery &&
				s.Newest < subject.Steps && s.Unreadable == 0 {
				return folder, nil
			}
		}
		return "", fmt.Errorf("%s could not be stopped in the middle", j)
	})
}

// until waits for a condition, or for the end of the process.
func until(p *subject.Process, met func() bool) {
	for !met() {
		select {
		case <-p.Ended():
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// copied copies a folder to a place that is removed first.
func copied(from, to string) error {
	return errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(from)))
}

// known are the exit statuses of runs that cannot go on, as the help lists them.
var known = []int{1, 2, 65, 69, 70, 71, 74}

var goTrace = regexp.MustCompile(`(?m)^(goroutine \d+ |panic: |fatal error: |SIGSEGV|SIGBUS)`)

// refused checks that a program that did not do what it was asked for said so as it should: a known status, one line,
// no trace of a crash.
func refused(e subject.Ending, o *campaign.Outcome) {
	lines := strings.Split(strings.TrimSpace(e.Error), "\n")
	switch {
	case e.Signal != 0, goTrace.MatchString(e.Output):
		o.Fault("it crashed: %v", e)
	case !slices.Contains(known, e.Status):
		o.Fault("%v: no status of the table", e)
	case len(lines) != 1:
		o.Fault("it prints %d lines about an error: %s", len(lines), strings.Join(lines, " / "))
	}
}

// inside is the path of a file below a job's output.
func inside(j subject.Job, folder string, elements ...string) string {
	return filepath.Join(append([]string{j.Dir(folder)}, elements...)...)
}
