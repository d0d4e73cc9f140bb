// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/parallax-ssl/parallax/internal/torture/trace"
)

// Traced runs the program in a folder to its end under package trace, which watches the job's output folder.
func (p Program) Traced(ctx context.Context, folder string, arguments []string, o trace.Options) (e Ending, err error) {
	if o.Below == "" {
		if o.Below, err = filepath.EvalSymlinks(folder); err != nil {
			return e, err
		}
		o.Below = filepath.Join(o.Below, out)
	}
	var files [2]*os.File
	for i, name := range []string{"stdout", "stderr"} {
		if files[i], err = os.Create(filepath.Join(folder, name)); err != nil {
			return e, err
		}
		defer files[i].Close()
	}
	c := exec.CommandContext(ctx, p.Path, arguments...)
	// Without a reserve, glibc asks the kernel ten thousand times for a little more memory, and each time is a stop.
	c.Dir, c.Env, c.Stdout, c.Stderr = folder, append(p.Env[:len(p.Env):len(p.Env)], "MALLOC_TOP_PAD_=67108864"),
		files[0], files[1]
	begin := time.Now()
	status, err := trace.Run(c, o)
	if err != nil {
		return e, err
	}
	e.Seconds, e.Status = time.Since(begin).Seconds(), status.ExitStatus()
	if status.Signaled() {
		e.Signal = status.Signal()
	}
	stdout, err1 := os.ReadFile(files[0].Name())
	stderr, err2 := os.ReadFile(files[1].Name())
	e.Output, e.Error = string(stdout)+string(stderr), string(stderr)
	return e, errors.Join(err1, err2, ctx.Err())
}
