// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/parallax-ssl/parallax/internal/failpoint"
)

// everywhere is the environment variable that makes TestKilledBetweenSystemCalls try every call, which takes minutes.
const everywhere = "PARALLAX_KILL_EVERYWHERE"

// killedRun is a run with evaluations at the steps of its checkpoints, and a best checkpoint that is not the last.
const killedRun = `data: {path: "synthetic:24", size: 8}
backbone: {name: resnet8, width: 4}
train: {batch: 8, max_steps: 4, threads: 1, workers: 1, precision: float32, eval_every: 1, save_every: 1, keep: 1}
`

// A run that is killed at any system call by which it writes, and resumed, ends like a run in one piece.
func TestKilledBetweenSystemCalls(t *testing.T) {
	if !failpoint.Available() {
		t.Skip("there is no strace that may trace")
	}
	_, c := now(t)
	dir := t.TempDir()
	start := func(out string) *exec.Cmd {
		child := exec.Command(c.path, "pretrain", "--config", "killed.yaml", "--preset", "tiny-cpu",
			"--method", "simclr", "--out", out)
		child.Dir, child.Env = dir, c.env
		return child
	}
	if err := os.WriteFile(filepath.Join(dir, "killed.yaml"), []byte(killedRun), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := start("whole").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stride := 19 // a few places show that resuming works at all
	if os.Getenv(everywhere) != "" {
		stride = 1
	}
	for _, call := range failpoint.Calls {
		for n, kills := (stride+1)/2, 0; ; n += stride {
			name := call + "-" + strconv.Itoa(n)
			child := start(name)
			var said bytes.Buffer
			child.Stdout, child.Stderr = &said, &said
			killed, err := failpoint.Kill(child, call, n)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, said.String())
			}
			if !killed {
				t.Logf("%s: killed %d times", call, kills)
				break
			}
			kills++
			resume := exec.Command(c.path, "pretrain", "--resume", name)
			resume.Dir, resume.Env = dir, c.env
			out, err := resume.CombinedOutput()
			if _, lost := os.Stat(filepath.Join(dir, name, "config.yaml")); errors.Is(lost, os.ErrNotExist) {
				continue // killed before there was a run
			}
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
				continue
			}
			if err := failpoint.Same(filepath.Join(dir, "whole"), filepath.Join(dir, name)); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
	}
}
