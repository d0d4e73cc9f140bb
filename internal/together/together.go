// SPDX-License-Identifier: Apache-2.0

// Package together runs a test in several processes that form a group.
package together

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/torch"
)

// The environment of a process of a test.
const (
	rankVariable  = "PARALLAX_TEST_RANK"
	sizeVariable  = "PARALLAX_TEST_PROCESSES"
	storeVariable = "PARALLAX_TEST_STORE"
)

// wait is how long a process waits for the others.
const wait = time.Minute

// Run runs the test that calls it once more in each of n processes, there with f. The test fails if one of them does.
// f is called inside a Scope with the group. What Run prints of the processes is in the order of their ranks.
func Run(t *testing.T, n int, f func(t *testing.T, g *torch.Group)) {
	t.Helper()
	if os.Getenv(rankVariable) != "" {
		if os.Getenv(sizeVariable) == strconv.Itoa(n) {
			member(t, n, f)
		}
		return
	}
	if err := torch.Load(); err != nil {
		t.Skip(err)
	}
	var pattern []string
	for _, part := range strings.Split(t.Name(), "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	store := filepath.Join(t.TempDir(), "store")
	outputs, commands := make([]bytes.Buffer, n), make([]*exec.Cmd, n)
	for rank := range n {
		c := exec.Command(os.Args[0], "-test.run", strings.Join(pattern, "/"), "-test.v", "-test.timeout", "10m")
		c.Env = append(os.Environ(), fmt.Sprint(rankVariable, "=", rank), fmt.Sprint(sizeVariable, "=", n),
			storeVariable+"="+store, "OMP_NUM_THREADS=1")
		c.Stdout, c.Stderr = &outputs[rank], &outputs[rank]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		commands[rank] = c
	}
	for rank, c := range commands {
		if err := c.Wait(); err != nil {
			t.Errorf("process %d of %d: %v\n%s", rank, n, err, outputs[rank].String())
		} else if testing.Verbose() && rank == 0 {
			t.Log(outputs[rank].String())
		}
	}
}

// member is what one of the processes does.
func member(t *testing.T, n int, f func(t *testing.T, g *torch.Group)) {
	t.Helper()
	rank, err := strconv.Atoi(os.Getenv(rankVariable))
	if err != nil {
		t.Fatal(err)
	}
	store, err := torch.OpenStore(torch.StoreOptions{File: os.Getenv(storeVariable), Processes: n, Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := torch.Scope(func() error {
		torch.SetThreads(1)
		g := torch.OpenGroup(store, torch.GroupOptions{Name: "test", Rank: rank, Processes: n, Host: "127.0.0.1",
			Wait: wait})
		defer g.Close()
		f(t, g)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
