// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package parts

import (
	"errors"
	"os/exec"

	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

func closedTerminal(*exec.Cmd) (func(*subject.Process), error) {
	return nil, errors.New("terminals are made on Linux only")
}
