// SPDX-License-Identifier: Apache-2.0

// Package campaign runs many cases against a program and keeps what they show. A campaign has parts (kill, disk,
// power, ...), a part has cases, and a case has an outcome. A journal holds the outcome of every case that has ended,
// so that an interrupted campaign goes on where it stopped.
package campaign

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

// A Part tries one kind of harm.
type Part struct {
	Name   string
	About  string             // what is tried and what must hold
	Limits map[string]float64 // the most that a figure of Outcome.Most may be
	Plan   func(*Bench) ([]Case, error)
	Alone  bool          // no other case may run beside one of these: they measure time or memory
	Sum    func(*Result) // looks at the sum of all cases; may be nil
}

// A Case is one try. Run gets an empty folder that is removed afterwards.
type Case struct {
	Name string
	Run  func(ctx context.Context, dir string) Outcome
}

// Bench is what the cases of all parts share.
type Bench struct {
	Root    string // of the module
	Work    string // a folder for files
	Program subject.Program
	Short   bool   // a sample that takes seconds
	First   bool   // stop at the first fault
	Seed    uint64 // of everything random
	Jobs    int    // cases at a time
	Say     io.Writer

	shared sync.Map // of Once
}

// Rand is a generator that depends only on the campaign's seed and the name.
func (b *Bench) Rand(name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name)
	return rand.New(rand.NewPCG(b.Seed, h.Sum64()))
}

// Size is whole, or short in the short form.
func (b *Bench) Size(whole, short int) int {
	if b.Short {
		return short
	}
	return whole
}

// Folder makes a folder for files that the cases of a part share.
func (b *Bench) Folder(name string) (string, error) {
	dir := filepath.Join(b.Work, "shared", name)
	return dir, os.MkdirAll(dir, 0o777)
}

// Once makes a value for a name, once in a campaign.
func Once[T any](b *Bench, name string, produce func() (T, error)) (T, error) {
	once, _ := b.shared.LoadOrStore(name, sync.OnceValues(produce))
	return once.(func() (T, error))()
}

// Outcome is what a case showed.
type Outcome struct {
	Count  map[string]int     `json:"count,omitempty"` // figures to add up: kills, states
	Most   map[string]float64 `json:"most,omitempty"`  // figures of which the largest counts: seconds, MiB
	Faults []string           `json:"faults,omitempty"`
	Skip   string             `json:"skip,omitempty"` // why it could not be tried here
}

// Add adds to a count.
func (o *Outcome) Add(name string, n int) {
	if o.Count == nil {
		o.Count = map[string]int{}
	}
	o.Count[name] += n
}

// Max keeps the larger value of a figure.
func (o *Outcome) Max(name string, v float64) {
	if o.Most == nil {
		o.Most = map[string]float64{}
	}
	if old, ok := o.Most[name]; !ok || v > old {
		o.Most[name] = v
	}
}

// Fault notes something that must not be.
func (o *Outcome) Fault(format string, arguments ...any) {
	o.Faults = append(o.Faults, fmt.Sprintf(format, arguments...))
}

// Failed notes an error as a fault.
func (o *Outcome) Failed(err error) bool {
	if err != nil {
		o.Fault("%v", err)
	}
	return err != nil
}

// merge adds another outcome.
func (o *Outcome) merge(with Outcome) {
	for name, n := range with.Count {
		o.Add(name, n)
	}
	for name, v := range with.Most {
		o.Max(name, v)
	}
	o.Faults = append(o.Faults, with.Faults...)
}

// Skipped is the error of a Plan whose part cannot be tried on this machine.
type Skipped string

func (s Skipped) Error() string { return string(s) }

// Result is the sum of a part's outcomes.
type Result struct {
	Part    string  `json:"part"`
	Cases   int     `json:"cases"`
	Of      int     `json:"of,omitempty"`      // the part's cases, if it was interrupted
	Skipped int     `json:"skipped,omitempty"` // cases
	Seconds float64 `json:"seconds"`
	Outcome
}

// Run runs a part's cases, the ones aside that the journal has already. It returns an error only if ctx ends.
func (b *Bench) Run(ctx context.Context, p Part, j *Journal) (Result, error) {
	r := Result{Part: p.Name}
	cases, err := p.Plan(b)
	switch why := err.(type) {
	case nil:
	case Skipped:
		r.Skip = string(why)
		return r, nil
	default:
		r.Fault("%s: %v", p.Name, err)
		return r, ctx.Err()
	}
	jobs := b.Jobs
	if p.Alone {
		jobs = 1
	}
	var mutex sync.Mutex
	var group sync.WaitGroup
	slots := make(chan bool, max(1, jobs))
	said, reasons := time.Now(), map[string]bool{}
	for i, c := range cases {
		slots <- true
		mutex.Lock()
		enough := b.First && len(r.Faults) > 0
		mutex.Unlock()
		if ctx.Err() != nil || enough {
			break
		}
		group.Go(func() {
			defer func() { <-slots }()
			e, known := j.find(p.Name, c.Name)
			if !known {
				e = b.one(ctx, p.Name, i, c)
			}
			if ctx.Err() != nil {
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			if !known {
				j.add(e)
			}
			r.Cases++
			r.Seconds += e.Seconds
			if e.Outcome.Skip != "" {
				r.Skipped++
				reasons[e.Outcome.Skip] = true
			}
			r.merge(e.Outcome)
			for _, fault := range e.Outcome.Faults {
				fmt.Fprintf(b.Say, "%s: FAULT: %s: %s\n", p.Name, c.Name, fault)
			}
			if time.Since(said) > 10*time.Second {
				said = time.Now()
				fmt.Fprintf(b.Say, "%s: %d of %d cases, %d faults\n", p.Name, r.Cases, len(cases), len(r.Faults))
			}
		})
	}
	group.Wait()
	if p.Sum != nil && r.Cases == len(cases) {
		p.Sum(&r)
	}
	if r.Cases < len(cases) {
		r.Of = len(cases)
	}
	for name, most := range p.Limits {
		if v := r.Most[name]; v > most {
			r.Fault("%s is %.4g, and may be %.4g at most", name, v, most)
		}
	}
	if r.Skipped == r.Cases && r.Cases > 0 {
		r.Skip = strings.Join(slices.Sorted(maps.Keys(reasons)), "; ")
	}
	return r, ctx.Err()
}

// one runs a case in a folder of its own.
func (b *Bench) one(ctx context.Context, part string, i int, c Case) entry {
	e := entry{Part: part, Case: c.Name}
	dir := filepath.Join(b.Work, "cases", fmt.Sprintf("%s-%d", part, i))
	begin := time.Now()
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o777)
	}
	if err == nil {
		e.Outcome = c.run(ctx, dir)
	}
	e.Outcome.Failed(err)
	os.RemoveAll(dir)
	e.Seconds = time.Since(begin).Seconds()
	return e
}

// run runs the case. A panic is a fault, for example of a decoder that runs in this process.
func (c Case) run(ctx context.Context, dir string) (o Outcome) {
	defer func() {
		if v := recover(); v != nil {
			o.Fault("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return c.Run(ctx, dir)
}
