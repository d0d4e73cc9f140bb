// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/batch"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
)

// The files in a sweep's folder, beside the folders of its runs.
const (
	PlanFile   = "sweep.json"
	PageFile   = "sweep.html"
	TableFile  = "sweep.csv"
	configFile = "settings.yaml" // the text of Plan.Config; a file named config.yaml would make the folder a run
)

// A Sweep makes the runs of a plan that are not finished, in the folder Out.
type Sweep struct {
	Plan   *Plan
	Out    string
	Cores  int    // that runs share
	Memory uint64 // bytes, likewise
	Jobs   int    // runs at a time; 0: by cores, memory and the number of runs
	// Command returns the parallax command with these arguments.
	Command func(ctx context.Context, args ...string) *exec.Cmd
	// Watch is called when something has happened, one call at a time.
	Watch func(Progress)

	mu      sync.Mutex
	begun   time.Time
	cells   []*state
	jobs    int // runs at a time
	waiting int // runs that are not begun yet
	running int
	free    int // cores
	failed  []string
}

// state is how far a run is.
type state struct {
	Cell
	done  bool
	steps int     // of the whole run; 0: unknown
	from  float64 // the share of the run that was made when this process began
	share float64 // that is made now
}

// Progress is something that happened.
type Progress struct {
	Cell      Cell
	Kind      Kind
	Event     run.Event // of Evaluated
	Threads   int       // of Began and Resumed
	Why       string    // of Failed and Stopped
	Done, Of  int       // runs
	Remaining time.Duration
	Known     bool // Remaining is
}

// Kind is what happened.
type Kind int

// What can happen to a run.
const (
	Waits Kind = iota // for a process of an earlier sweep that still makes the run
	Began
	Resumed
	Evaluated // the backbone
	Ended
	Failed
	Stopped // because the sweep stops; it can be resumed
)

// Open reads the plan of the sweep in a folder.
func Open(dir string) (*Plan, error) {
	text, err := os.ReadFile(filepath.Join(dir, PlanFile))
	if err != nil {
		return nil, fmt.Errorf("%s is no sweep: %w", printable.Name(dir), err)
	}
	p := &Plan{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("reading %s: %w", printable.Name(filepath.Join(dir, PlanFile)), err)
	}
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", printable.Name(filepath.Join(dir, PlanFile)), err)
	}
	return p, nil
}

// AtATime returns how many runs to make at a time, of so many that are left. The default is one for each core, with one
// thread each, as far as memory allows: one thread does not wait for others. Runs that are compared after equal minutes
// must have equal conditions to the last one, so their number is a divisor of the number of runs.
func (s *Sweep) AtATime(left int) int {
	if s.Jobs > 0 {
		return s.Jobs
	}
	each := uint64(perRun)
	if given := (&config.Train{Memory: s.Plan.given("train.memory")}).MemoryBytes(); given > 0 {
		each = given
	}
	n := min(s.Cores, left, int(min(s.Memory/each, MostCells)))
	if threads := s.Plan.threads(Cell{}); threads > 0 {
		n = min(n, s.Cores/threads)
	}
	n = max(1, n)
	for s.Plan.Minutes > 0 && left%n != 0 {
		n--
	}
	return n
}

// perRun is the memory that is set aside for a run. A ResNet-18 takes 1.1 GiB in the benchmark of docs/benchmarks.md.
const perRun = 2 << 30

// prepare makes the folder, keeps the plan there, and takes the folder's lock until release is called. A folder with
// another plan is refused.
func (s *Sweep) prepare() (release func() error, err error) {
	if err := s.Plan.Check(); err != nil {
		return nil, run.Invalid(err)
	}
	if _, err := run.ReadConfig(s.Out); err == nil {
		return nil, run.Invalid(fmt.Errorf("%s is a run: choose another --out", printable.Name(s.Out)))
	}
	if err := run.MakeFolder(s.Out); err != nil {
		return nil, run.Output("making the sweep's folder", err)
	}
	unlock, err := run.Lock("sweep", s.Out)
	if err != nil {
		return nil, err
	}
	if err := s.keep(); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

func (s *Sweep) keep() error {
	before, err := Open(s.Out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := s.vacant(); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		if what := before.Differs(s.Plan); what != "" {
			return run.Invalid(fmt.Errorf("%s has another sweep, with %s: give the same plan, or another --out",
				printable.Name(s.Out), what))
		}
	}
	if s.Plan.Config != "" {
		err := run.WriteFile(filepath.Join(s.Out, configFile), func(w io.Writer) error {
			_, err := io.WriteString(w, s.Plan.Config)
			return err
		})
		if err != nil {
			return err
		}
	}
	return run.WriteFile(filepath.Join(s.Out, PlanFile), run.JSON(s.Plan))
}

// vacant refuses a folder that has something else.
func (s *Sweep) vacant() error {
	entries, err := os.ReadDir(s.Out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != run.LockFile && e.Name() != configFile && !run.IsTemporary(e.Name()) {
			return run.Invalid(fmt.Errorf("%s is not empty and has no sweep: choose another --out",
				printable.Name(s.Out)))
		}
	}
	return nil
}

// Run makes the runs that are not finished: it begins, resumes or waits for each. A run that failed does not end the
// sweep. failed has one line for each. Run ends early only if the context ends or the output cannot be written.
func (s *Sweep) Run(ctx context.Context) (failed []string, err error) {
	release, err := s.prepare()
	if err != nil {
		return nil, err
	}
	defer func() { _ = release() }() // the lock ends with the process anyway
	s.begun, s.free, s.failed, s.running = time.Now(), max(1, s.Cores), nil, 0
	left := s.look()
	s.waiting, s.jobs = len(left), s.AtATime(len(left))
	batch.Each(ctx, s.jobs, left, func(st *state) { s.give(s.make(ctx, st, s.take(st.Cell))) })
	return s.failed, ctx.Err()
}

// look finds out which runs are finished, and returns the others.
func (s *Sweep) look() (left []*state) {
	s.cells = nil
	for _, c := range s.Plan.Cells() {
		st := &state{Cell: c}
		s.cells = append(s.cells, st)
		if !s.made(st) {
			left = append(left, st)
		}
	}
	return left
}

// Left lists the runs that are not finished.
func (s *Sweep) Left() (cells []Cell) {
	for _, st := range s.look() {
		cells = append(cells, st.Cell)
	}
	return cells
}

func (s *Sweep) dir(c Cell) string { return filepath.Join(s.Out, c.Name) }

// take takes cores for the next run, and returns their number: what the plan says, or else an equal share of the free
// ones with those that may begin now. Runs that are compared after equal minutes all have the same.
func (s *Sweep) take(c Cell) (threads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	threads = s.Plan.threads(c)
	switch {
	case threads > 0:
	case s.Plan.Minutes > 0:
		threads = max(1, s.Cores/s.jobs)
	default:
		threads = max(1, s.free/max(1, min(s.jobs-s.running, s.waiting)))
	}
	s.waiting, s.running, s.free = s.waiting-1, s.running+1, s.free-threads
	return threads
}

// give gives back the cores of a run that has ended.
func (s *Sweep) give(threads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.free = s.running-1, s.free+threads
}

// make makes one run with the threads that were taken for it. It returns how many it took: a run that is resumed keeps
// its number.
func (s *Sweep) make(ctx context.Context, st *state, threads int) int {
	dir := s.dir(st.Cell)
	if running, err := run.Running(dir); err == nil && running {
		s.tell(st, Progress{Kind: Waits})
		for running && ctx.Err() == nil {
			select {
			case <-time.After(patience):
			case <-ctx.Done():
			}
			running, _ = run.Running(dir)
		}
		if s.made(st) {
			s.tell(st, Progress{Kind: Ended})
			return threads
		}
	}
	if ctx.Err() != nil {
		return threads
	}
	settings := ""
	if s.Plan.Config != "" {
		settings = filepath.Join(s.Out, configFile)
	}
	kind, args := Began, s.Plan.Args(st.Cell, dir, settings, threads)
	if was, begun := begunWith(dir); begun {
		args = []string{"pretrain", "--resume", dir}
		s.mu.Lock()
		s.free += threads - max(1, was)
		s.mu.Unlock()
		kind, threads = Resumed, max(1, was)
	}
	s.tell(st, Progress{Kind: kind, Threads: threads})
	err := s.follow(s.Command(ctx, append(args, "--json", "--report=false")...), st)
	switch made := s.made(st); {
	case made:
		s.tell(st, Progress{Kind: Ended})
	case ctx.Err() != nil:
		s.tell(st, Progress{Kind: Stopped})
	default:
		if err == nil {
			err = errors.New("it ended without an error, but not at its end")
		}
		why := printable.Middle(strings.TrimPrefix(err.Error(), "parallax: "), 1000)
		s.mu.Lock()
		s.failed = append(s.failed, st.Name+": "+why)
		s.mu.Unlock()
		s.tell(st, Progress{Kind: Failed, Why: why})
	}
	return threads
}

// patience is the time between two looks at a run that another process makes.
const patience = time.Second

// follow runs the command and reads the events that it prints.
func (s *Sweep) follow(c *exec.Cmd, st *state) error {
	events, output := io.Pipe()
	c.Stdout = output
	var reading sync.WaitGroup
	reading.Go(func() {
		for e, err := range run.ReadEvents(events) {
			if err == nil {
				s.see(st, e)
			}
		}
		_, _ = io.Copy(io.Discard, events) // what cannot be read must not hold up the run
	})
	err := batch.Run(c)
	_ = output.Close()
	reading.Wait()
	return err
}

// see takes in an event of a run that goes on.
func (s *Sweep) see(st *state, e run.Event) {
	s.mu.Lock()
	if e.Steps > 0 {
		st.steps = e.Steps
	}
	if st.steps > 0 {
		share := min(1, float64(e.Step)/float64(st.steps))
		if e.Event == run.Start || e.Event == run.Resumed || e.Event == run.Rewound {
			st.from = share
		}
		st.share = share
	}
	s.mu.Unlock()
	if e.Event == run.Eval && e.Of == run.OfBackbone && e.Probe != run.GuardProbe {
		s.tell(st, Progress{Kind: Evaluated, Event: e})
	}
}

// tell completes what happened to a run, and passes it on.
func (s *Sweep) tell(st *state, p Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Cell, p.Of = st.Cell, len(s.cells)
	made, left := 0., 0.
	for _, c := range s.cells {
		if c.done {
			p.Done++
		}
		made += c.share - c.from
		left += 1 - c.share
	}
	if elapsed := time.Since(s.begun); made > 0 {
		p.Remaining, p.Known = time.Duration(left/made*float64(elapsed)), true
	}
	if s.Watch != nil {
		s.Watch(p)
	}
}

// made finds out whether a run has been made.
func (s *Sweep) made(st *state) bool {
	dir := s.dir(st.Cell)
	all, err := run.List(dir)
	if err != nil || len(all) != 1 || all[0].Dir != dir || all[0].Status == run.StatusRunning {
		return false
	}
	last := all[0].Last
	if last.Event != run.End || last.Reason != run.Finished && last.Reason != run.Collapsed {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.share == 0 { // it was made before
		st.from = 1
	}
	st.done, st.share = true, 1
	return true
}

// begunWith says whether dir has a run, and with how many threads it was begun; 0 if its config does not say it.
func begunWith(dir string) (threads int, begun bool) {
	text, err := run.ReadConfig(dir)
	if err != nil {
		return 0, false
	}
	values, _ := config.Values(text, run.ConfigFile) // what is wrong with a config, pretrain says
	at := slices.IndexFunc(values, func(v config.Value) bool { return v.Path == "train.threads" })
	if at >= 0 {
		threads, _ = strconv.Atoi(values[at].Text)
	}
	return threads, true
}
