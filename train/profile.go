// SPDX-License-Identifier: Apache-2.0

package train

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/internal/trace"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// ProfileWarmUp is how many steps go before the profiled ones: in them libtorch chooses kernels and takes memory.
const ProfileWarmUp = 3

// MostProfiled bounds Options.Profile: what it records is kept in memory.
const MostProfiled = 1000

// profiledOperators is how many operators a Profile names.
const profiledOperators = 10

// Profile says where the time of some steps went. Steps run from the wait for the first batch of one to that of the
// next.
type Profile struct {
	Steps           int     `json:"steps"`
	WarmUp          int     `json:"warm_up"` // steps before them
	Images          int     `json:"images"`  // of a step
	Seconds         float64 `json:"seconds"` // of all profiled steps
	ImagesPerSecond float64 `json:"images_per_second"`
	// Cores is how many cores the process had on average: fewer than its threads where other programs hold cores, and
	// then all times are longer than on a quiet machine.
	Cores float64 `json:"cores"`
	// Phases are the parts of a step in the order of their first beginning, one within another as hooks/NAME, and at
	// the end other, the rest. Shares are of the steps' time; those without a slash add up to 1.
	Phases []Part `json:"phases"`
	// Loading is what the loader's threads did meanwhile. Shares are of their time.
	Loading []Part `json:"loading"`
	// Kinds are the operators of forward and backward by their kind, the longest first. Shares are of the time of
	// forward and backward; what is missing to 1 is time between operators. In lanes the time is that of all lanes.
	Kinds []Part `json:"kinds"`
	// Operators are those that took the longest, without the operators that they run. Shares are of the steps' time.
	Operators []Operator `json:"operators"`
	// Before is what hooks did before the profiled steps, such as the evaluation of the untrained network. Shares are
	// of the time from the start of the record.
	Before []Part `json:"before"`
	// Dropped counts what found no room in the record: then the numbers are too low.
	Dropped int    `json:"dropped"`
	File    string `json:"-"` // the trace, which ui.perfetto.dev opens
}

// Part is a part of the profiled time.
type Part struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Share   float64 `json:"share"`
	Median  float64 `json:"median"` // seconds of a step; 0 outside of steps
}

// Operator is an operator of libtorch.
type Operator struct {
	Name    string  `json:"name"`
	Kind    string  `json:"kind"` // as in Profile.Kinds
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
	Share   float64 `json:"share"`
}

// The tracks of a profile. Those of the loader's workers begin with dataset.TracePrefix.
const (
	stepTrack     = "steps"
	trainerTrack  = "trainer"
	operatorTrack = "operators"
)

// laneTrack is the track of what the calling thread computes.
func laneTrack() string {
	if n := torch.Lane(); n > 0 {
		return fmt.Sprintf("lane %d", n)
	}
	return trainerTrack
}

// profiler is the state of a profile that is being made.
type profiler struct {
	made  int             // steps, since the process began
	ends  []time.Duration // of the last warm-up step, and of the profiled steps so far
	calls time.Time       // from when operators are counted; zero before
	cpu   time.Duration   // the process's time on cores until then
}

// span opens a span of the trainer's track.
func (t *Trainer) span(name string) trace.Open { return t.trace.Begin(trainerTrack, name) }

// prepareProfile starts the record.
func (t *Trainer) prepareProfile() error {
	if n := t.Options.Profile; n < 0 || n > MostProfiled {
		return run.Invalid(fmt.Errorf("profiling %d steps: give from 1 to %d", n, MostProfiled))
	}
	if t.Options.Profile > 0 {
		t.trace = trace.Start()
		t.Loader.Trace = t.trace
	}
	return t.checkProfile()
}

// checkProfile refuses to profile more steps than are left to make.
func (t *Trainer) checkProfile() error {
	left, want := t.Steps-t.step, ProfileWarmUp+t.Options.Profile
	if t.trace == nil || want <= left {
		return nil
	}
	return run.Invalid(fmt.Errorf("profiling %d steps after %d others: only %d are left to make: profile fewer, or "+
		"train longer (--epochs, --max-steps)", t.Options.Profile, ProfileWarmUp, left))
}

// profiled passes on batches and takes the time between them for waiting. After the last profiled step it makes the
// profile.
func (t *Trainer) profiled(batches iter.Seq2[*dataset.Batch, error]) iter.Seq2[*dataset.Batch, error] {
	if t.trace == nil {
		return batches
	}
	return func(yield func(*dataset.Batch, error) bool) {
		began, waiting := t.trace.Now(), t.span("wait")
		for batch, err := range batches {
			waiting.End()
			more := yield(batch, err)
			if t.trace != nil && err == nil && t.part == 0 {
				if err := t.profileStep(began); err != nil {
					t.unprofiled = err
				}
				began = t.trace.Now()
			}
			if !more {
				return
			}
			if t.unprofiled != nil {
				yield(nil, t.unprofiled)
				return
			}
			waiting = t.span("wait")
		}
	}
}

// profileStep notes the end of a step.
func (t *Trainer) profileStep(began time.Duration) error {
	p := &t.profile
	p.made++
	t.trace.Add(trace.Span{Track: stepTrack, Name: "step", Start: began, End: t.trace.Now(),
		Args: map[string]any{"step": t.step}})
	switch made := p.made - ProfileWarmUp; {
	case made == 0:
		if err := torch.Scope(func() error { p.calls = torch.StartProfile(trace.Most); return nil }); err != nil {
			return err
		}
		p.ends, p.cpu = []time.Duration{t.trace.Now()}, machine.CPUTime()
	case made > 0:
		if p.ends = append(p.ends, t.trace.Now()); made == t.Options.Profile {
			return t.finishProfile()
		}
	}
	return nil
}

// finishProfile ends the record, writes the trace, and passes the profile on.
func (t *Trainer) finishProfile() error {
	used := machine.CPUTime() - t.profile.cpu
	calls, dropped, err := t.stopOperators()
	if err != nil {
		return err
	}
	spans, more := t.trace.Stop()
	operators := classify(operatorSpans(calls, t.trace.Since(t.profile.calls)))
	t.trace = nil
	result := t.profile.summary(spans, operators)
	result.Images = t.Config.Train.Batch * t.Config.Train.Accumulate
	result.ImagesPerSecond = float64(result.Images*result.Steps) / result.Seconds
	result.Cores = used.Seconds() / result.Seconds
	result.Dropped, result.File = dropped+more, t.Dir.Path(run.ProfileFile)
	for _, o := range operators {
		spans = append(spans, o.Span)
	}
	if err := run.WriteFile(result.File, func(w io.Writer) error {
		return trace.Write(w, "parallax: "+t.Config.Method.Name, spans,
			[]string{stepTrack, trainerTrack, operatorTrack}, result)
	}); err != nil {
		return err
	}
	if t.Options.Profiled != nil {
		t.Options.Profiled(result)
	}
	t.clock.mark = time.Now() // this was no training time
	return nil
}

// stopOperators ends the record of operators, if there is one.
func (t *Trainer) stopOperators() (calls []torch.Call, dropped int, err error) {
	if t.trace == nil || t.profile.calls.IsZero() {
		return nil, 0, nil
	}
	err = torch.Scope(func() error { calls, dropped = torch.StopProfile(); return nil })
	return calls, dropped, err
}

// operatorSpans puts the calls of each thread on a track of its own.
func operatorSpans(calls []torch.Call, from time.Duration) []trace.Span {
	tracks := map[int]string{}
	spans := make([]trace.Span, len(calls))
	for i, c := range calls {
		track, known := tracks[c.Thread]
		if !known {
			if track = operatorTrack; len(tracks) > 0 {
				track = fmt.Sprintf("%s, thread %d", operatorTrack, len(tracks)+1)
			}
			tracks[c.Thread] = track
		}
		spans[i] = trace.Span{Track: track, Name: c.Name, Thread: c.Thread, Start: from + c.Start, End: from + c.End}
	}
	return spans
}

// operator is a span of an operator with its kind.
type operator struct {
	trace.Node
	kind string
}

// classify finds the kinds of operators. What only serves another operator, such as the memory for its result, is of
// that one's kind.
func classify(spans []trace.Span) []operator {
	nodes := trace.Nest(spans)
	all := make([]operator, len(nodes))
	for i, n := range nodes {
		kind := kindOf(n.Name)
		if kind == otherKind && n.Around >= 0 {
			kind = all[n.Around].kind
		}
		n.Args = map[string]any{"kind": kind}
		all[i] = operator{n, kind}
	}
	return all
}

// summary adds up the spans of the profiled steps.
func (p *profiler) summary(spans []trace.Span, operators []operator) *Profile {
	n := len(p.ends) - 1
	total := p.ends[n] - p.ends[0]
	phases, loading, kinds, before := &sums{steps: n}, &sums{steps: n}, &sums{steps: n}, &sums{}
	var trained []trace.Node // forward and backward
	workers := map[string]bool{}
	for _, s := range trace.Nest(spans) {
		worker := strings.HasPrefix(s.Track, dataset.TracePrefix)
		step, inside := p.stepOf(s.Start)
		path := s.Path
		switch {
		case s.Track == stepTrack:
			continue
		case s.Track != trainerTrack && !worker:
			path = s.Track + ": " + path
		}
		switch {
		case worker:
			if from, to := max(s.Start, p.ends[0]), min(s.End, p.ends[n]); from < to {
				workers[s.Track] = true
				loading.add(path, max(0, step), to-from)
			}
		case inside:
			phases.add(path, step, s.End-s.Start)
			if s.Track == trainerTrack && (s.Path == "forward" || s.Path == "backward") {
				trained = append(trained, s)
			}
		case s.End <= p.ends[0] && strings.HasPrefix(s.Path+"/", "hooks/"):
			before.add(path, -1, s.End-s.Start)
		}
	}
	for i := range n {
		rest := p.ends[i+1] - p.ends[i]
		for name, part := range phases.parts {
			if !strings.ContainsAny(name, "/:") {
				rest -= part.each[i]
			}
		}
		phases.add("other", i, rest)
	}

	slices.SortFunc(trained, func(a, b trace.Node) int { return cmp.Compare(a.Start, b.Start) })
	var differentiated time.Duration
	for _, s := range trained {
		differentiated += s.End - s.Start
	}
	byName, byThread := map[[2]string]*Operator{}, map[int]time.Duration{}
	for _, s := range operators {
		step, inside := p.stepOf(s.Start)
		if !inside {
			continue
		}
		o := byName[[2]string{s.Name, s.kind}]
		if o == nil {
			o = &Operator{Name: s.Name, Kind: s.kind}
			byName[[2]string{s.Name, s.kind}] = o
		}
		o.Calls++
		o.Seconds += s.Self.Seconds()
		o.Share += s.Self.Seconds() / total.Seconds()
		if within(trained, s.Start) {
			kinds.add(s.kind, step, s.Self)
			byThread[s.Thread] += s.Self
		}
	}
	all := slices.SortedFunc(maps.Values(byName), func(a, b *Operator) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Name+a.Kind, b.Name+b.Kind))
	})
	result := &Profile{
		Steps: n, WarmUp: ProfileWarmUp, Seconds: total.Seconds(), Phases: phases.list(total),
		Loading: loading.list(total * time.Duration(len(workers))), Kinds: kinds.list(differentiated * busy(byThread)),
		Before: before.list(p.ends[0]),
	}
	for _, list := range [][]Part{result.Kinds, result.Loading} {
		slices.SortStableFunc(list, func(a, b Part) int { return cmp.Compare(b.Seconds, a.Seconds) })
	}
	for _, o := range all[:min(len(all), profiledOperators)] {
		result.Operators = append(result.Operators, *o)
	}
	return result
}

// stepOf returns the number of the profiled step that holds a point of time.
func (p *profiler) stepOf(at time.Duration) (step int, ok bool) {
	i, exact := slices.BinarySearch(p.ends, at)
	if exact {
		i++
	}
	return i - 1, i > 0 && i < len(p.ends)
}

// within reports whether one of the spans, which are in the order of their starts and do not overlap, holds a point of
// time.
func within(spans []trace.Node, at time.Duration) bool {
	next := sort.Search(len(spans), func(i int) bool { return spans[i].Start > at })
	return next > 0 && at < spans[next-1].End
}

// busy counts the threads that compute: each of them has the whole time of a step. A thread with less than a tenth of
// another's operators only hands out work.
func busy(byThread map[int]time.Duration) (threads time.Duration) {
	var most time.Duration
	for _, took := range byThread {
		most = max(most, took)
	}
	for _, took := range byThread {
		if took > most/10 {
			threads++
		}
	}
	return max(threads, 1)
}

// sums adds up times by name, in all and for each step.
type sums struct {
	steps int
	names []string // in the order of their first appearance
	parts map[string]*sum
}

type sum struct {
	all  time.Duration
	each []time.Duration // by the step
}

// add adds to a name's sum; without a step that is -1.
func (s *sums) add(name string, step int, took time.Duration) {
	if s.parts == nil {
		s.parts = map[string]*sum{}
	}
	part, ok := s.parts[name]
	if !ok {
		part = &sum{each: make([]time.Duration, s.steps)}
		s.parts[name], s.names = part, append(s.names, name)
	}
	part.all += took
	if step >= 0 {
		part.each[step] += took
	}
}

// nested returns the names with each part behind what it is a part of, else in the order of their first appearance.
func (s *sums) nested() (names []string) {
	var add func(outer string)
	add = func(outer string) {
		for _, name := range s.names {
			if rest, ok := strings.CutPrefix(name, outer); ok && rest != "" && !strings.Contains(rest, "/") {
				names = append(names, name)
				add(name + "/")
			}
		}
	}
	add("")
	return names
}

// list returns the sums as shares of whole.
func (s *sums) list(whole time.Duration) (all []Part) {
	for _, name := range s.nested() {
		part := s.parts[name]
		p := Part{Name: name, Seconds: part.all.Seconds(), Share: part.all.Seconds() / whole.Seconds()}
		if n := len(part.each); n > 0 {
			slices.Sort(part.each)
			p.Median = (part.each[(n-1)/2] + part.each[n/2]).Seconds() / 2
		}
		all = append(all, p)
	}
	return all
}

const otherKind = "other"

// kinds are the kinds of operators, with the parts of names by which they are known: the first that fits holds. Names
// are those of ATen's operators and of autograd's nodes.
var kinds = []struct {
	name  string
	parts []string
}{
	{"optimiser", []string{"_fused_sgd", "_fused_adam", "_foreach_lerp", "sgd_all", "adam_all"}},
	{"convolution", []string{"convolution", "ConvolutionBackward", "::Convolution>", "conv1d", "conv2d", "conv3d"}},
	{"norm", []string{"batch_norm", "layer_norm", "group_norm", "norm_act", "BatchNorm", "LayerNorm", "GroupNorm"}},
	{"activation", []string{"relu", "Relu", "gelu", "Gelu", "threshold", "Threshold"}},
	{"product", []string{"::linear", "::matmul", "::addmm", "::baddbmm", "::bmm", "::mm", "::mv", "::dot",
		"mkldnn_linear", "MmBackward", "AddmmBackward", "attention", "Attention"}},
	{"addition", []string{"::add", "::add_", "AddBackward"}},
	{"cast and copy", []string{"::to", "::_to_copy", "::copy_", "::clone", "::contiguous", "::cat", "::fill_",
		"::zero_", "ToCopyBackward", "CopyBackward", "CloneBackward", "CatBackward", "AccumulateGrad"}},
}

// kindOf returns the kind of an operator.
func kindOf(name string) string {
	for _, k := range kinds {
		for _, part := range k.parts {
			at := strings.Index(name, part)
			if at < 0 {
				continue
			}
			// "::mm" is a name of its own, not the beginning of another.
			if rest := name[at+len(part):]; strings.HasPrefix(part, "::") && rest != "" {
				continue
			}
			return k.name
		}
	}
	return otherKind
}
