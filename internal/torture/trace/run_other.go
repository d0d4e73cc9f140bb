// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !amd64

package trace

import (
	"os/exec"
	"syscall"
)

func run(*exec.Cmd, Options) (syscall.WaitStatus, error) { return 0, ErrUnsupported }
