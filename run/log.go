// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"math"
	"strings"

	"github.com/parallax-ssl/parallax/internal/tfevents"
)

// Log takes the events of a run in progress and passes them to metrics.jsonl, TensorBoard and the watchers.
type Log struct {
	lines  *appendFile
	board  *tfevents.Writer
	append *appendFile // the file that board writes to
	watch  []func(Event)
}

// OpenLog opens the log of a run that continues from step, 0 for a new run. A killed run may have written events after
// its last checkpoint. Events past step are cut from metrics.jsonl and hidden in TensorBoard, because the run will
// write them again. Every function of watch is called with every event, in order, after the event was written.
func (d *Dir) OpenLog(step int, watch ...func(Event)) (*Log, error) {
	path := d.Path(MetricsFile)
	h, err := readHistory(path, step, false)
	if err != nil {
		return nil, err
	}
	l := &Log{watch: watch}
	if l.lines, err = openAppend(path, h.keep); err != nil {
		return nil, err
	}
	if err := l.openBoard(d.Path(TensorBoardDir), step); err != nil {
		return nil, errors.Join(err, l.lines.Close())
	}
	return l, nil
}

// Write passes e on. Watchers get it even when a file cannot be written.
func (l *Log) Write(e Event) error {
	err := l.lines.Append(e)
	if boardErr := l.writeBoard(&e); err == nil {
		err = boardErr // on a full disk both fail for one reason, which one message tells
	}
	for _, w := range l.watch {
		w(e)
	}
	return err
}

// Sync makes the events durable. A checkpoint needs the events before it, so call Sync first.
func (l *Log) Sync() error { return errors.Join(l.lines.Sync(), l.append.Sync()) }

// A Mark is a place in the log.
type Mark struct{ lines, board int64 }

// Mark returns the end of the log.
func (l *Log) Mark() Mark { return Mark{l.lines.end, l.append.end} }

// Back removes the events after a mark. The watchers have seen them.
func (l *Log) Back(m Mark) error { return errors.Join(l.lines.cut(m.lines), l.append.cut(m.board)) }

// Close makes the events durable and closes the files.
func (l *Log) Close() error { return errors.Join(l.lines.Close(), l.append.Close()) }

// Tag returns the name of one of the event's numbers in TensorBoard: "loss", "terms/invariance",
// "eval/PROBE/backbone/knn".
func (e *Event) Tag(metric string) string {
	if e.Event != Eval {
		return metric
	}
	parts := []string{"eval"}
	for _, p := range []string{e.Probe, e.Of} {
		if p != "" {
			parts = append(parts, strings.Trim(p, "/"))
		}
	}
	return strings.Join(append(parts, metric), "/")
}

func (l *Log) writeBoard(e *Event) error {
	var scalars []tfevents.Scalar
	for name, v := range e.Numbers() {
		scalars = append(scalars, tfevents.Scalar{Tag: e.Tag(name), Value: clamp(v)})
	}
	return l.board.Scalars(e.Step, scalars)
}

// clamp returns v as a float32. NaN stays NaN; a value beyond the range of float32 becomes infinite.
func clamp(v float64) float32 {
	if math.Abs(v) > math.MaxFloat32 {
		return float32(math.Inf(int(math.Copysign(1, v))))
	}
	return float32(v)
}
