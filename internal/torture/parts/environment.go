// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

// A surrounding is an unusual environment for a run: what a shell does before it starts the program.
type surrounding struct {
	name, shell string
	may         bool // the run may refuse; otherwise it must do as always
}

var surroundings = []surrounding{
	{"no home", "unset HOME XDG_CACHE_HOME", false},
	{"a home that is not there", "export HOME=/nonexistent XDG_CACHE_HOME=/nonexistent/x", false},
	{"no folder for temporary files", "export TMPDIR=/nonexistent", false},
	{"umask 077", "umask 077", false},
	{"umask 000", "umask 000", false},
	{"no locale", "unset LANG LC_ALL; export LC_ALL=xx_YY", false},
	{"no standard input", "exec <&-", false},
	{"no standard output", "exec >&-", false},
	{"no standard error", "exec 2>&-", false},
	{"nearly no environment", `exec env -i PARALLAX_SHIM="$PARALLAX_SHIM" OMP_NUM_THREADS=1 "$0" "$@"`, false},
	{"TZ of another day", "export TZ=Pacific/Kiritimati", false},
	{"a path with spaces", `mkdir -p 'a b'; cp settings.yaml 'a b'; cd 'a b'; ln -sfn "$PWD/run" ../run`, true},
	{"20 open files", "ulimit -n 20", true},
	{"14 open files", "ulimit -n 14", true},
	{"10 open files", "ulimit -n 10", true},
	{"8 open files", "ulimit -n 8", true},
	{"no core files, little stack", "ulimit -c 0; ulimit -s 512", true},
	{"low priority", "renice -n 19 $$ >/dev/null 2>&1", false},
	{"one processor", "taskset -pc 0 $$ >/dev/null 2>&1", false},
}

var environment = campaign.Part{
	Name: "environment",
	About: "unusual surroundings: no home, no folder for temporary files, umasks, closed files, few open files, " +
		"a read-only folder, a folder that is removed or moved; the run does as always, or refuses in one " +
		"line and resumes elsewhere",
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		list := surroundings
		if b.Short {
			list = sample(b, list, 4)
		}
		for _, s := range list {
			add(&cases, s.name, func(ctx context.Context, dir string) campaign.Outcome {
				return surrounded(ctx, b, "byol", s, dir)
			})
		}
		return append(cases,
			campaign.Case{Name: "read-only folder", Run: func(ctx context.Context, dir string) campaign.Outcome {
				return readOnly(ctx, b, "byol", dir)
			}},
			campaign.Case{Name: "directory removed", Run: func(ctx context.Context, dir string) campaign.Outcome {
				return gone(ctx, b, "byol", func(run string) error { return os.RemoveAll(run) }, dir)
			}},
			campaign.Case{Name: "directory moved", Run: func(ctx context.Context, dir string) campaign.Outcome {
				return gone(ctx, b, "byol", func(run string) error { return os.Rename(run, run+"-elsewhere") }, dir)
			}},
			campaign.Case{Name: "checkpoints removed", Run: func(ctx context.Context, dir string) campaign.Outcome {
				return gone(ctx, b, "byol", func(run string) error {
					return os.RemoveAll(filepath.Join(run, "checkpoints"))
				}, dir)
			}},
		), nil
	},
}

// surrounded makes a job in unusual surroundings.
func surrounded(ctx context.Context, b *campaign.Bench, j subject.Job, s surrounding, dir string) (o campaign.Outcome) {
	if o.Failed(j.Prepare(dir)) {
		return o
	}
	program := b.Program
	if beside := filepath.Join(filepath.Dir(program.Path), "libparallax_shim.so"); exists(beside) {
		program = program.With("PARALLAX_SHIM=" + beside)
	}
	shell := subject.Program{Path: "/bin/bash", Env: program.Env}
	e, err := shell.Run(ctx, dir, append([]string{"-c", s.shell + `; exec "$0" "$@"`, b.Program.Path}, j.Start()...)...)
	if o.Failed(err) {
		return o
	}
	o.Add("runs", 1)
	if e.Status == 0 && e.Signal == 0 {
		if u, err := whole(b, j); !o.Failed(err) {
			same(j, dir, u, &o)
		}
		return o
	}
	refused(e, &o)
	if o.Add("refused", 1); !s.may {
		o.Fault("%s: %v", s.name, e)
		return o
	}
	compare(ctx, b, j, dir, &o)
	return o
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readOnly makes a job in a folder on a read-only file system.
func readOnly(ctx context.Context, b *campaign.Bench, j subject.Job, dir string) (o campaign.Outcome) {
	unmount, err := mount(dir, 16<<20)
	if err != nil {
		o.Skip = fmt.Sprintf("a file system cannot be mounted here: %v", err)
		return o
	}
	defer unmount()
	if o.Failed(j.Prepare(dir)) || o.Failed(lockUp(dir)) {
		return o
	}
	e, err := b.Program.Run(ctx, dir, j.Start()...)
	if o.Failed(err) {
		return o
	}
	if refused(e, &o); e.Status != 74 || strings.Contains(e.Output, "step 1/") {
		o.Fault("a read-only folder: %v, want status 74 before the first step", e)
	}
	return o
}

// gone takes away a run's directory, or a part of it, while the run is writing to it. If it is there again afterwards,
// the run equals an unbroken one.
func gone(ctx context.Context, b *campaign.Bench, j subject.Job, take func(string) error,
	dir string) (o campaign.Outcome) {
	if o.Failed(j.Prepare(dir)) {
		return o
	}
	p, err := b.Program.Start(ctx, dir, j.Start(), func(*exec.Cmd) {})
	if o.Failed(err) {
		return o
	}
	until(p, func() bool { return subject.Interrupted(j.Dir(dir), j.Method("")).Newest > 0 })
	p.Signal(0, syscall.SIGSTOP)
	failed := take(j.Dir(dir))
	p.Signal(0, syscall.SIGCONT)
	e := p.Wait()
	if o.Failed(failed) {
		return o
	}
	there := exists(inside(j, dir, "config.yaml"))
	switch {
	case e.Status == 0 && !there:
		o.Fault("the directory was taken away, and the run ends with status 0")
	case e.Status != 0:
		if refused(e, &o); e.Status != 74 {
			o.Fault("%v, want status 74", e)
		}
	}
	if elsewhere := j.Dir(dir) + "-elsewhere"; exists(elsewhere) {
		if o.Failed(os.RemoveAll(j.Dir(dir))) || o.Failed(os.Rename(elsewhere, j.Dir(dir))) {
			return o
		}
		there = true
	}
	if there {
		compare(ctx, b, j, dir, &o)
	}
	return o
}
