// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/run"
)

const fakeVariable = "PARALLAX_TEST_FAKE"

// TestMain is also the command that the tests' sweeps start.
func TestMain(m *testing.M) {
	if os.Getenv(fakeVariable) == "" {
		os.Exit(m.Run())
	}
	if err := fake(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "something else")
		fmt.Fprintln(os.Stderr, "parallax:", err)
		os.Exit(1)
	}
}

// length is the number of steps of a fake run.
const length = 3

// fake makes or resumes a run: a config, and an evaluation for each step, all of which may be cut off at any point.
func fake(args []string) error {
	flags := map[string]string{}
	for i := 1; i+1 < len(args); i += 2 {
		flags[args[i]] = args[i+1]
	}
	dir := flags["--out"]
	metrics := filepath.Join(dir, run.MetricsFile)
	step := 0
	begin := run.Event{Event: run.Start, Steps: length}
	if resumed := flags["--resume"]; resumed != "" {
		dir, metrics = resumed, filepath.Join(resumed, run.MetricsFile)
		f, err := os.Open(metrics)
		if err == nil {
			for e, err := range run.ReadEvents(f) {
				if err == nil {
					step = max(step, e.Step)
				}
			}
			f.Close()
		}
		begin = run.Event{Event: run.Resumed, Step: step, Steps: length}
	} else if _, err := run.ReadConfig(dir); err == nil {
		return errors.New("there is a run already")
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	unlock, err := run.Lock("run", dir)
	if err != nil {
		return err
	}
	defer unlock()
	if flags["--resume"] == "" {
		if flags["--method"] == "fails" {
			return errors.New("boom")
		}
		text := fmt.Sprintf("seed: %s\nmethod: {name: %s}\ntrain: {batch: 2, threads: %s}\n", flags["--seed"],
			flags["--method"], flags["--threads"])
		if err := os.WriteFile(filepath.Join(dir, run.ConfigFile), []byte(text), 0o666); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(metrics, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	write := func(e run.Event) error {
		text, err := json.Marshal(e)
		text = append(text, '\n')
		fmt.Print(string(text))
		_, wrong := f.Write(text)
		return errors.Join(err, wrong)
	}
	all := []run.Event{begin}
	for s := step + 1; s <= length; s++ {
		e := run.Event{Event: run.Eval, Step: s, Probe: "p", Of: run.OfBackbone}
		e.Set(run.KNN, run.Num(float64(s)/10))
		all = append(all, e)
	}
	all = append(all, run.Event{Event: run.End, Step: length, Reason: run.Finished})
	for _, e := range all {
		if err := write(e); err != nil {
			return err
		}
	}
	return f.Close()
}

// begun returns a sweep in a folder whose runs are fake, and the number of commands that it has started.
func begun(t testing.TB, p *Plan, out string) (*Sweep, *atomic.Int32) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n := &atomic.Int32{}
	command := func(ctx context.Context, args ...string) *exec.Cmd {
		n.Add(1)
		c := exec.CommandContext(ctx, self, args...)
		c.Env = append(os.Environ(), fakeVariable+"=1")
		c.WaitDelay = 5 * time.Second
		return c
	}
	return &Sweep{Plan: p, Out: out, Cores: 2, Memory: 8 << 30, Command: command}, n
}

func four() *Plan { return &Plan{Methods: []string{"a", "b"}, Seeds: Seeds(2), Data: "synthetic"} }

// complete checks that every run was made to its end once.
func complete(t *testing.T, p *Plan, out string) {
	t.Helper()
	for _, c := range p.Cells() {
		f, err := os.Open(filepath.Join(out, c.Name, run.MetricsFile))
		if err != nil {
			t.Fatal(err)
		}
		ends, seen := 0, map[int]int{}
		for e, err := range run.ReadEvents(f) {
			if err == nil && e.Event == run.End {
				ends++
			}
			if err == nil && e.Event == run.Eval {
				seen[e.Step]++
			}
		}
		f.Close()
		if ends != 1 || len(seen) != length {
			t.Errorf("%s has %d ends and the steps %v", c.Name, ends, seen)
		}
	}
}

func TestSweep(t *testing.T) {
	p := four()
	s, started := begun(t, p, filepath.Join(t.TempDir(), "new", "out"))
	kinds := map[Kind]int{}
	done := 0
	s.Watch = func(g Progress) {
		kinds[g.Kind]++
		if g.Done < done || g.Of != 4 || g.Threads > 1 && g.Done < 2 {
			t.Errorf("%+v after %d", g, done)
		}
		done = g.Done
	}
	failed, err := s.Run(context.Background())
	if err != nil || len(failed) > 0 || done != 4 || kinds[Began] != 4 || kinds[Evaluated] != 12 || kinds[Ended] != 4 {
		t.Fatalf("%q, %v, %d done, %v", failed, err, done, kinds)
	}
	complete(t, p, s.Out)
	c, unread, err := Compare(p, s.Out)
	if err != nil || len(unread) > 0 || len(c.Groups) != 2 || len(c.Groups[1].Runs) != 2 ||
		c.Groups[1].Label != "b" || c.Steps != length {
		t.Fatalf("%+v, %q, %v", c, unread, err)
	}
	if err := WriteFiles(p, s.Out, c, nil); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(s.Out, PageFile))
	if err != nil || !strings.Contains(string(page), "<h1>Sweep of 2 methods, 2 seeds</h1>") {
		t.Errorf("%v, %s", err, page)
	}
	// Again, with what the folder says: nothing is left.
	before := started.Load()
	if s.Plan, err = Open(s.Out); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background()); err != nil || started.Load() != before {
		t.Errorf("%v; %d runs were started again", err, started.Load()-before)
	}
	// Another plan is refused, and so is a folder with something else.
	s.Plan = four()
	s.Plan.Seeds = Seeds(3)
	_, err = s.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "seeds 1 2 instead of 1 2 3") {
		t.Errorf("another plan: %v", err)
	}
	s.Plan, s.Out = p, filepath.Join(s.Out, p.Cells()[0].Name)
	_, err = s.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "is a run: choose another --out") {
		t.Errorf("in a run: %v", err)
	}
	s.Out = t.TempDir()
	if err := os.WriteFile(filepath.Join(s.Out, "mine"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("in another folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(s.Out, PlanFile), []byte(`{"methods": 3`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), PlanFile) {
		t.Errorf("a damaged plan: %v", err)
	}
}

// A sweep that is stopped at any event goes on where it was: the runs are killed then.
func TestStopped(t *testing.T) {
	p := four()
	for at := 1; at <= 20; at += 2 {
		s, _ := begun(t, p, filepath.Join(t.TempDir(), "out"))
		ctx, cancel := context.WithCancel(context.Background())
		seen := 0
		s.Watch = func(Progress) {
			if seen++; seen == at {
				cancel()
			}
		}
		if _, err := s.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cancel()
		s.Watch = nil
		failed, err := s.Run(context.Background())
		if err != nil || len(failed) > 0 {
			t.Fatalf("stopped at event %d: %q, %v", at, failed, err)
		}
		complete(t, p, s.Out)
	}
}

// A run that fails is reported by its last line and tried again, and the others are made.
func TestFailed(t *testing.T) {
	p := &Plan{Methods: []string{"fails", "b"}, Seeds: Seeds(1), Data: "synthetic"}
	s, started := begun(t, p, filepath.Join(t.TempDir(), "out"))
	for range 2 {
		failed, err := s.Run(context.Background())
		if err != nil || !slices.Equal(failed, []string{"fails-seed1: boom"}) {
			t.Fatalf("%q, %v", failed, err)
		}
	}
	if n := started.Load(); n != 3 {
		t.Errorf("%d commands, want 3", n)
	}
	c, _, err := Compare(p, s.Out)
	if err != nil || len(c.Groups) != 1 || c.Groups[0].Label != "b" {
		t.Errorf("%+v, %v", c, err)
	}
}

// A run that a process of an earlier sweep still makes is waited for, and two sweeps do not share a folder.
func TestOrphan(t *testing.T) {
	p := &Plan{Methods: []string{"a"}, Seeds: Seeds(1), Data: "synthetic"}
	s, started := begun(t, p, t.TempDir())
	dir := filepath.Join(s.Out, "a-seed1")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background()); err == nil {
		t.Error("a folder that is not empty is taken")
	}
	plan := []byte(`{"methods": ["a"], "seeds": [1], "data": "synthetic"}`)
	if err := os.WriteFile(filepath.Join(s.Out, PlanFile), plan, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, run.ConfigFile), []byte("method: {name: a}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	unlock, err := run.Lock("run", dir)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []Kind
	s.Watch = func(g Progress) {
		kinds = append(kinds, g.Kind)
		if g.Kind != Waits {
			return
		}
		other, _ := begun(t, p, s.Out)
		if _, err := other.Run(context.Background()); !errors.Is(err, run.ErrInUse) {
			t.Errorf("a second sweep: %v", err)
		}
		text := `{"event":"end","step":3,"reason":"finished"}` + "\n"
		if err := os.WriteFile(filepath.Join(dir, run.MetricsFile), []byte(text), 0o666); err != nil {
			t.Error(err)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
	failed, err := s.Run(context.Background())
	if err != nil || len(failed) > 0 || started.Load() != 0 || !slices.Equal(kinds, []Kind{Waits, Ended}) {
		t.Errorf("%q, %v, %d commands, %v", failed, err, started.Load(), kinds)
	}
}

// The cores are shared out: five runs of eight cores have one or two threads, and a lone one has all. Equal minutes are
// equal threads.
func TestThreads(t *testing.T) {
	shares := func(minutes float64, cores, jobs, waiting int) (all []int) {
		s := &Sweep{Plan: &Plan{Minutes: minutes}, Cores: cores, free: cores, jobs: jobs, waiting: waiting}
		for s.waiting > 0 && s.running < jobs {
			all = append(all, s.take(Cell{}))
		}
		return all
	}
	for _, c := range []struct {
		minutes              float64
		cores, jobs, waiting int
		want                 []int
	}{
		{0, 8, 5, 5, []int{1, 1, 2, 2, 2}}, {0, 8, 8, 1, []int{8}}, {0, 2, 2, 9, []int{1, 1}},
		{0, 2, 4, 4, []int{1, 1, 1, 1}},
		{1, 8, 3, 9, []int{2, 2, 2}}, {1, 8, 3, 1, []int{2}},
	} {
		if got := shares(c.minutes, c.cores, c.jobs, c.waiting); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
