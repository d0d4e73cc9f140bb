// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/internal/failpoint"
)

// embedded FILE ROWS FAILED DIMENSIONS: checks what a file of embeddings has, and prints a line for each failed row.
func embedded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: embedded FILE ROWS FAILED DIMENSIONS")
	}
	f, err := embedding.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	failed := 0
	for b, err := range f.Blocks(context.Background(), 10) {
		ts.Check(err)
		for i, r := range b.Rows {
			if r.Status == embedding.Failed {
				failed++
				fmt.Fprintf(ts.Stdout(), "row %d, %s: %s\n", b.Start+i, r.Path, r.Reason)
			}
			if len(r.SHA256) != 64 {
				ts.Fatalf("row %d has sha256 %q", b.Start+i, r.SHA256)
			}
		}
	}
	if got := []string{strconv.Itoa(f.Len()), strconv.Itoa(failed), strconv.Itoa(f.Dim())}; got[0] != args[1] ||
		got[1] != args[2] || got[2] != args[3] {
		ts.Fatalf("%s has %s rows, %s failed, %s dimensions", args[0], got[0], got[1], got[2])
	}
}

// killed OUT ARGUMENTS...: runs parallax with the arguments again and again until OUT is complete. Runs are killed with
// SIGKILL: first between two system calls that change the disk, where strace is installed, then at random moments.
func killed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: killed OUT ARGUMENTS...")
	}
	program, err := exec.LookPath("parallax")
	ts.Check(err)
	var said bytes.Buffer
	command := func() *exec.Cmd {
		said.Reset()
		c := exec.Command(program, args[1:]...)
		c.Dir, c.Stdout, c.Stderr = ts.MkAbs("."), &said, &said
		c.Env = append(os.Environ(), "PARALLAX_SHIM="+ts.Getenv("PARALLAX_SHIM"),
			"LIBTURBOJPEG="+ts.Getenv("LIBTURBOJPEG"))
		return c
	}
	complete := func() bool {
		_, missing := os.Stat(ts.MkAbs(args[0]))
		_, finished := os.Stat(ts.MkAbs(args[0] + ".partial"))
		return missing == nil && finished != nil
	}
	kills := 0
	if failpoint.Available() {
		for n := 1; n <= 3; n++ {
			for _, call := range failpoint.Calls {
				if complete() {
					break
				}
				died, err := failpoint.Kill(command(), call, n)
				if err != nil {
					ts.Fatalf("killed at %s %d: %v\n%s", call, n, err, said.Bytes())
				}
				if died {
					kills++
				}
			}
		}
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for try := 0; !complete(); try++ {
		if try > 40 {
			ts.Fatalf("after %d kills and %d tries there is no %s:\n%s", kills, try, args[0], said.Bytes())
		}
		c := command()
		ts.Check(c.Start())
		timer := time.AfterFunc(time.Duration(r.IntN(1+100*(try+3)))*time.Millisecond, func() { _ = c.Process.Kill() })
		err := c.Wait()
		timer.Stop()
		var ended *exec.ExitError
		if err != nil && (!errors.As(err, &ended) || ended.Exited()) {
			ts.Fatalf("%v\n%s", err, said.Bytes())
		}
		if err != nil {
			kills++
		}
	}
	if kills < 3 {
		ts.Fatalf("only %d kills: the command is too short", kills)
	}
	ts.Logf("%d kills", kills)
}
