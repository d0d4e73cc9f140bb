// SPDX-License-Identifier: Apache-2.0

package series

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"slices"
	"sort"
	"sync"

	"github.com/parallax-ssl/parallax/run"
)

const (
	longest    = 1 << 20  // bytes of a line; longer ones are no events
	kept       = 64       // bytes of the end of what was read, by which a changed file is recognised
	apart      = 1 << 10  // lines between two places, at first
	mostPlaces = 4096     // places in the file, at most
	mostMarks  = 5000     // events that are no numbers, and evaluations, at most
	zoomed     = 16 << 20 // bytes that are read again for a part of a curve, at most
	sketched   = 16 << 20 // bytes of a file from which on it is sketched first
	sketches   = 1024     // places at which a sketch looks
	looks      = 8 << 10  // bytes at each
)

// A Watcher gets the events of a log as they are read: evaluations and what is no number as a whole, and steps with
// their loss alone. Reset says that the file is read anew.
type Watcher interface {
	Reset()
	Add(e run.Event)
}

// A Log reads the metrics.jsonl of a run. Its methods may be called by several goroutines.
type Log struct {
	open   func() (*os.File, error)
	images func() int // of a step
	watch  Watcher    // nil for none

	mu     sync.Mutex
	was    os.FileInfo
	read   int64  // bytes
	end    []byte // the last bytes that were read
	size   int64  // of the file, when it was looked at last
	lines  int
	broken int // lines that are no events

	curves map[string]*curve
	rough  map[string]*curve // of some lines of the whole file, until all are read
	marks  []run.Event
	evals  []Evaluation
	places []place
	every  int // lines between two places
	names  names
	clock  clock
	line   line
}

// place is where a step begins in the file.
type place struct {
	step   int
	offset int64
	clock  clock // before it
}

// An Evaluation is where an evaluation of one kind of row of one probe is in the file.
type Evaluation struct {
	Step      int
	Probe, Of string

	offset int64
	length int
}

// clock adds up the time of training: the images of the steps since the last one that was logged, over their speed. So
// evaluations, checkpoints and the time between two processes do not count.
type clock struct {
	elapsed float64
	step    int     // the last one that was logged
	speed   float64 // its images per second
	images  int     // of a step; 0: unknown
}

// at returns the seconds of training at an event, NaN where the images of a step are not known.
func (c *clock) at(l *line) float64 {
	if c.images <= 0 {
		return math.NaN()
	}
	if l.kind == run.StepEnd && l.speed > 0 {
		c.elapsed += c.since(l.step, l.speed)
		c.step, c.speed = l.step, l.speed
		return c.elapsed
	}
	return c.elapsed + c.since(l.step, c.speed)
}

// since returns the seconds from the last step that was logged until a later one.
func (c *clock) since(step int, speed float64) float64 {
	if step <= c.step || speed <= 0 {
		return 0
	}
	return float64(step-c.step) * float64(c.images) / speed
}

// New returns the log of the file that open opens, still unread. A file that does not exist yet has no events. images
// returns the number of images of a step, which the time of training is computed from, or 0 if it is not known. It is
// called before the first event is read. The watcher may be nil.
func New(open func() (*os.File, error), images func() int, w Watcher) *Log {
	l := &Log{open: open, images: images, watch: w}
	l.reset()
	return l
}

func (l *Log) reset() {
	l.read, l.end, l.lines, l.broken, l.every, l.clock = 0, nil, 0, 0, apart, clock{}
	l.curves, l.rough, l.marks, l.evals, l.places = map[string]*curve{}, nil, nil, nil, nil
	if l.watch != nil {
		l.watch.Reset()
	}
}

// State says how far a log has been read.
type State struct {
	Read, Size int64 // bytes
	Broken     int   // lines that are no events
	Changed    bool  // this update read something, or forgot what a file that was cut or replaced had
}

// Complete reports whether all that there was has been read. Half a last line is still being written.
func (s State) Complete() bool { return s.Read >= s.Size }

// Update reads what the file has more than before, at most about so many bytes. A file that was cut or replaced, as by
// a resume, is read anew.
func (l *Log) Update(most int64) (State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := l.open()
	if errors.Is(err, os.ErrNotExist) {
		forgot := l.read > 0
		l.reset()
		l.size = 0
		return State{Changed: forgot}, nil
	}
	if err != nil {
		return State{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return State{}, err
	}
	forgot := false
	if same, err := l.same(f, info); err != nil {
		return State{}, err
	} else if !same {
		forgot = l.read > 0
		l.reset()
	}
	l.was, l.size = info, info.Size()
	s := State{Size: l.size, Changed: forgot}
	if l.size > l.read {
		if l.read == 0 {
			l.clock.images = l.images()
		}
		if l.read == 0 && l.size > sketched {
			l.sketch(f)
		}
		before := l.read
		half, err := l.more(f, most)
		if err != nil {
			return s, err
		}
		s.Changed = s.Changed || l.read > before
		s.Size -= half
	}
	if s.Read, s.Broken = l.read, l.broken; s.Complete() {
		l.rough = nil
	}
	return s, nil
}

// same reports whether the file begins with what was read.
func (l *Log) same(f *os.File, info os.FileInfo) (bool, error) {
	if l.was == nil || !os.SameFile(l.was, info) || info.Size() < l.read {
		return l.read == 0, nil
	}
	end := make([]byte, len(l.end))
	if _, err := f.ReadAt(end, l.read-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(end, l.end), nil
}

// more reads lines, at most about so many bytes. It returns the length of a last line without an end.
func (l *Log) more(f *os.File, most int64) (half int64, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, l.read, l.size-l.read), longest)
	for begun := l.read; l.read-begun < most; {
		text, err := r.ReadSlice('\n')
		length := int64(len(text))
		long := false
		for errors.Is(err, bufio.ErrBufferFull) {
			long = true
			text, err = r.ReadSlice('\n')
			length += int64(len(text))
		}
		if errors.Is(err, io.EOF) {
			return length, nil
		}
		if err != nil {
			return 0, err
		}
		if !long {
			l.add(text, l.read)
		} else {
			l.broken++
		}
		l.read += length
		l.end = append(l.end[:0], text[max(0, len(text)-kept):]...)
	}
	return 0, nil
}

// add takes a line, which ends with its newline.
func (l *Log) add(text []byte, offset int64) {
	other, ok := l.line.parse(text, &l.names)
	if !ok {
		l.broken++
		return
	}
	if l.lines%l.every == 0 {
		if len(l.places) == mostPlaces {
			l.places = halved(l.places)
			l.every *= 2
		}
		if l.lines%l.every == 0 {
			l.places = append(l.places, place{l.line.step, offset, l.clock})
		}
	}
	l.lines++
	at := l.clock.at(&l.line)
	if l.watch != nil {
		l.tell(other, text)
	}
	if other != nil {
		if l.marks = append(l.marks, *other); len(l.marks) > mostMarks { // the first says what the run is
			l.marks = append(l.marks[:1], halved(l.marks[1:])...)
		}
		return
	}
	if l.line.kind == run.Eval {
		l.evals = append(l.evals, Evaluation{l.line.step, l.line.probe, l.line.of, offset, len(text)})
		if len(l.evals) > mostMarks {
			l.evals = halved(l.evals)
		}
	}
	addTo(l.curves, &l.line, at)
}

// tell hands the event of the line to the watcher.
func (l *Log) tell(other *run.Event, text []byte) {
	switch {
	case other != nil:
		l.watch.Add(*other)
	case l.line.kind == run.Eval:
		var e run.Event
		if json.Unmarshal(text, &e) == nil {
			l.watch.Add(e)
		}
	default:
		for _, n := range l.line.numbers {
			if n.tag == run.Loss {
				l.watch.Add(run.Event{Event: run.StepEnd, Step: l.line.step,
					Metrics: map[string]run.Number{run.Loss: run.Num(n.value)}})
			}
		}
	}
}

// halved keeps every second element, and always the last.
func halved[T any](all []T) []T {
	half := all[:0]
	for i := (len(all) - 1) % 2; i < len(all); i += 2 {
		half = append(half, all[i])
	}
	return half
}

func addTo(curves map[string]*curve, l *line, at float64) {
	for _, n := range l.numbers {
		if n.tag == "" {
			continue
		}
		c := curves[n.tag]
		if c == nil {
			c = &curve{}
			curves[n.tag] = c
		}
		c.add(Point{l.step, at, n.value})
	}
}

// sketch reads some lines from everywhere in the file, so that there is something to see at once.
func (l *Log) sketch(f *os.File) {
	l.rough = map[string]*curve{}
	text := make([]byte, looks)
	var one line
	for i := range int64(sketches) {
		from := max(0, (i+1)*l.size/sketches-looks)
		n, err := f.ReadAt(text, from)
		if err != nil && !errors.Is(err, io.EOF) {
			return
		}
		_, rest, _ := bytes.Cut(text[:n], []byte{'\n'})
		for len(rest) > 0 {
			first, more, whole := bytes.Cut(rest, []byte{'\n'})
			if rest = more; !whole {
				break
			}
			if _, ok := one.parse(first, &l.names); ok && (i == sketches-1 || one.kind == run.StepEnd) {
				addTo(l.rough, &one, math.NaN())
				if i < sketches-1 {
					break
				}
			}
		}
	}
}

// Tags returns the names of the curves, sorted: as in TensorBoard, "loss", "terms/invariance", "eval/PROBE/OF/knn".
func (l *Log) Tags() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for tag := range l.curves {
		all = append(all, tag)
	}
	for tag := range l.rough {
		if l.curves[tag] == nil {
			all = append(all, tag)
		}
	}
	slices.Sort(all)
	return all
}

// Last returns the last value of a curve; ok is false if it has none.
func (l *Log) Last(tag string) (p Point, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, curves := range []map[string]*curve{l.rough, l.curves} {
		if c := curves[tag]; c != nil && len(c.stretches) > 0 {
			return c.stretches[len(c.stretches)-1].last, true
		}
	}
	return Point{}, false
}

// Curve returns about n points of a curve from step from to step to, and always the ends and the extremes of what it
// leaves out.
func (l *Log) Curve(tag string, from, to, n int) ([]Point, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.curves[tag]
	if c == nil {
		c = &curve{}
	}
	all := c.between(from, to)
	if c.each > 1 && len(all) < n/4 {
		exact, err := l.again(tag, from, to)
		if err != nil {
			return nil, err
		}
		if exact != nil {
			all = exact.stretches
		}
	}
	if r := l.rough[tag]; r != nil {
		read := -1
		if n := len(c.stretches); n > 0 {
			read = c.stretches[n-1].last.Step
		}
		all = append(slices.Clip(all), r.between(max(from, read+1), to)...)
	}
	return thin(all, n), nil
}

// again reads a part of a curve from the file. It returns nil if the part is too long.
func (l *Log) again(tag string, from, to int) (*curve, error) {
	begin := max(0, sort.Search(len(l.places), func(i int) bool { return l.places[i].step >= from })-1)
	end := sort.Search(len(l.places), func(i int) bool { return l.places[i].step > to })
	if len(l.places) == 0 {
		return nil, nil
	}
	offset, until := l.places[begin].offset, l.read
	if end < len(l.places) {
		until = l.places[end].offset
	}
	if until-offset > zoomed {
		return nil, nil
	}
	f, err := l.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(io.NewSectionReader(f, offset, until-offset))
	s.Buffer(nil, longest)
	only, time := map[string]*curve{}, l.places[begin].clock
	for s.Scan() {
		if _, ok := l.line.parse(s.Bytes(), &l.names); !ok {
			continue
		}
		at := time.at(&l.line)
		if l.line.step >= from && l.line.step <= to {
			l.line.numbers = slices.DeleteFunc(l.line.numbers, func(n number) bool { return n.tag != tag })
			addTo(only, &l.line, at)
		}
	}
	return only[tag], s.Err()
}

// All yields every point of a curve that has been read, from the file.
func (l *Log) All(tag string) iter.Seq2[Point, error] {
	return func(yield func(Point, error) bool) {
		l.mu.Lock()
		read, images := l.read, l.clock.images
		l.mu.Unlock()
		f, err := l.open()
		if err != nil {
			yield(Point{}, err)
			return
		}
		defer f.Close()
		var one line
		var own names
		time := clock{images: images}
		s := bufio.NewScanner(io.NewSectionReader(f, 0, read))
		s.Buffer(nil, longest)
		for s.Scan() {
			if _, ok := one.parse(s.Bytes(), &own); !ok {
				continue
			}
			at := time.at(&one)
			for _, n := range one.numbers {
				if n.tag == tag && !yield(Point{one.step, at, n.value}, nil) {
					return
				}
			}
		}
		if err := s.Err(); err != nil {
			yield(Point{}, err)
		}
	}
}

// Marks returns the events that are neither steps nor evaluations, in order: start, saved, alarm, end, ...
func (l *Log) Marks() []run.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.marks)
}

// Evaluations returns where the evaluations are. [Log.Event] reads one.
func (l *Log) Evaluations() []Evaluation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.evals)
}

// Event reads an evaluation as a whole, with its spectrum and points.
func (l *Log) Event(e Evaluation) (run.Event, error) {
	f, err := l.open()
	if err != nil {
		return run.Event{}, err
	}
	defer f.Close()
	text := make([]byte, e.length)
	if _, err := f.ReadAt(text, e.offset); err != nil {
		return run.Event{}, fmt.Errorf("reading the evaluation of step %d: %w", e.Step, err)
	}
	var event run.Event
	if err := json.Unmarshal(text, &event); err != nil {
		return run.Event{}, fmt.Errorf("reading the evaluation of step %d: %w", e.Step, err)
	}
	return event, nil
}
