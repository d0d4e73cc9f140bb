// SPDX-License-Identifier: Apache-2.0

package failpoint

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"
)

// Calls are the system calls by which a Go program changes what is on disk. Between two others a kill changes nothing.
var Calls = []string{"renameat", "fsync", "unlinkat", "mkdirat", "ftruncate", "pwrite64", "write"}

// Available reports whether strace is installed and may trace.
func Available() bool {
	return exec.Command("strace", "-f", "-qq", "-e", "trace=none", "true").Run() == nil
}

// Kill runs a command under strace and kills it with SIGKILL at the n-th call of a kind, from 1, that one of its
// threads makes. killed is false if the command ended by itself before; then an exit status other than 0 is an error.
func Kill(c *exec.Cmd, call string, n int) (killed bool, err error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return false, err
	}
	c.Args = append([]string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call,
		"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n), c.Path}, c.Args[1:]...)
	c.Path = strace
	err = c.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		// strace ends by the signal that ended the command.
		if s, ok := ended.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL {
			return true, nil
		}
	}
	return false, err
}
