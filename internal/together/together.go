// SPDX-License-Identifier: Apache-2.0

// Package together runs a test in several processes that form a group.
package together

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/torch"
)

// inside marks the processes of a test, and says how many there are.
const inside = "PARALLAX_TEST_PROCESSES"

// wait is how long a process waits for the others.
const wait = time.Minute

// Run is [Spawn] of an f that is called inside a Scope with the group.
func Run(t *testing.T, n int, f func(t *testing.T, g *torch.Group)) {
	t.Helper()
	Spawn(t, n, func(t *testing.T) {
		rank, _ := strconv.Atoi(os.Getenv("RANK"))
		port, _ := strconv.Atoi(os.Getenv("MASTER_PORT"))
		store, err := torch.OpenStore(torch.StoreOptions{Host: "127.0.0.1", Port: port, Wait: wait})
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
	})
}

// Spawn runs the test that calls it once more in each of n processes, there with f. The test fails if one of them does.
// The environment of each says its place, as torchrun does. Every process must come to the same calls of Spawn: a test
// calls it once, or with other numbers of processes.
func Spawn(t *testing.T, n int, f func(t *testing.T)) {
	t.Helper()
	if of := os.Getenv(inside); of != "" {
		if of == strconv.Itoa(n) {
			f(t)
		}
		return
	}
	if err := torch.Load(); err != nil {
		t.Skip(err)
	}
	store, err := torch.OpenStore(torch.StoreOptions{Host: "127.0.0.1", Serve: true, Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	port, err := store.Port()
	if err != nil {
		t.Fatal(err)
	}
	var pattern []string
	for _, part := range strings.Split(t.Name(), "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	outputs, commands := make([]bytes.Buffer, n), make([]*exec.Cmd, n)
	for rank := range n {
		c := exec.Command(os.Args[0], "-test.run", strings.Join(pattern, "/"), "-test.v", "-test.timeout", "10m")
		c.Env = append(os.Environ(), fmt.Sprint(inside, "=", n), fmt.Sprint("RANK=", rank),
			fmt.Sprint("WORLD_SIZE=", n),
			fmt.Sprint("LOCAL_RANK=", rank), fmt.Sprint("LOCAL_WORLD_SIZE=", n), "MASTER_ADDR=127.0.0.1",
			fmt.Sprint("MASTER_PORT=", port), "TORCHELASTIC_USE_AGENT_STORE=True", "OMP_NUM_THREADS=1")
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

// Inside reports whether this is one of the processes that [Spawn] started.
func Inside() bool { return os.Getenv(inside) != "" }
