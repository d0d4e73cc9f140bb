// SPDX-License-Identifier: Apache-2.0

// Package summary says how a run stands: its state, its last numbers, and what the guard says of it. It reads the first
// and the last events, so it takes the same time for a run of any length, and a run may go on meanwhile.
package summary

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
)

// The states of a run.
const (
	Running   = "running"   // a process has it open
	Finished  = "finished"  // it reached its end
	Stopped   = "stopped"   // by a signal or an error; it can be resumed
	Collapsed = "collapsed" // the guard stopped it
	Stale     = "stale"     // its process is gone and said nothing
	New       = "new"       // it has no events
)

// A Run is how a run stands. What is not known is the zero value.
type Run struct {
	State   string `json:"state"`
	Method  string `json:"method,omitempty"`
	Network string `json:"network,omitempty"` // such as "resnet18, width 16"
	Data    string `json:"data,omitempty"`
	Batch   string `json:"batch,omitempty"`
	Seed    string `json:"seed,omitempty"`

	Step  int     `json:"step"`
	Steps int     `json:"steps,omitempty"` // of the whole run
	Epoch int     `json:"epoch"`           // from 0
	Left  float64 `json:"left,omitempty"`  // seconds of training until the end of a run that is running
	Speed float64 `json:"speed,omitempty"` // images per second

	Loss   run.Number `json:"loss,omitzero"`
	KNN    run.Number `json:"knn,omitzero"`    // of the backbone's features
	Linear run.Number `json:"linear,omitzero"` // of the backbone's features
	Std    run.Number `json:"std,omitzero"`    // of the embedding
	Rank   run.Number `json:"rank,omitzero"`   // the embedding's effective rank
	Class  string     `json:"class,omitempty"` // the guard's last word
}

// Read returns how the run in a directory stands. An error is of what cannot be read; the rest is filled in.
func Read(dir string) (Run, error) {
	r := Run{State: New}
	// The lock is asked first: a run that ends after that has said so in its events.
	running, unlocked := run.Running(dir)
	images := 0
	text, err := run.ReadConfig(dir)
	if err == nil {
		images, err = r.Settings(text)
	}
	f, failed := os.Open(filepath.Join(dir, run.MetricsFile))
	if failed == nil {
		failed = errors.Join(r.Events(f, images), f.Close())
	} else if errors.Is(failed, fs.ErrNotExist) {
		failed = nil
	}
	if unlocked == nil && running {
		r.State = Running
	} else {
		r.Left = 0
	}
	return r, errors.Join(err, failed)
}

// Settings takes what is said of a run from its config. It returns the number of images of a step, 0 if the config does
// not say it.
func (r *Run) Settings(text []byte) (images int, err error) {
	values, err := config.Values(text, run.ConfigFile)
	if err != nil {
		return 0, err
	}
	v := map[string]string{}
	for _, one := range values {
		v[one.Path] = one.Text
	}
	r.Method, r.Data, r.Batch, r.Seed = v["method.name"], v["data.path"], v["train.batch"], v["seed"]
	if r.Network = v["backbone.name"]; r.Network != "" && v["backbone.width"] != "" {
		r.Network += ", width " + v["backbone.width"]
	}
	if n, err := strconv.Atoi(v["train.max_steps"]); err == nil {
		r.Steps = n
	}
	return config.StepImages(values), nil
}

// The parts of metrics.jsonl that a summary is made of. The tail is as long as it must be to have an evaluation, up to
// longestTail.
const (
	headLength  = 64 << 10
	tailLength  = 256 << 10
	longestTail = 4 << 20
)

// Events takes the first and the last events of a metrics.jsonl. images is the number of images of a step.
func (r *Run) Events(file *os.File, images int) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	head := make([]byte, min(size, headLength))
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) { // it may be cut at any time
		return err
	}
	head = head[:n]
	r.State = Stale
	first, _, _ := bytes.Cut(head, []byte{'\n'})
	if n := int(gjson.GetBytes(first, "steps").Num); n > 0 && r.Steps == 0 { // else the config has the last plan
		r.Steps = n
	}
	if size <= headLength {
		r.last(head, images)
		return nil
	}
	for length := min(size, tailLength); ; length = min(size, longestTail) {
		tail := make([]byte, length)
		n, err := file.ReadAt(tail, size-length)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		r.State = Stale
		if r.last(tail[:n], images) || length == size || length == longestTail {
			return nil
		}
	}
}

// last takes the last event of each kind, from the end of the file on. It reports whether there was an evaluation.
func (r *Run) last(tail []byte, images int) (evaluated bool) {
	seen := map[string]bool{}
	once := func(what string) bool { was := seen[what]; seen[what] = true; return !was }
	for at := bytes.LastIndexByte(tail, '\n'); at > 0 && !(seen["backbone"] && seen["embedding"] && seen["step"]); {
		from := bytes.LastIndexByte(tail[:at], '\n')
		text := tail[from+1 : at]
		at = from
		kind := gjson.GetBytes(text, "event").Str
		if kind == run.StepEnd && seen["step"] {
			continue // of the many steps the last one counts
		}
		var e run.Event
		if json.Unmarshal(text, &e) != nil {
			continue
		}
		if once("any") {
			r.Step, r.Epoch = e.Step, e.Epoch
		}
		switch e.Event {
		case run.StepEnd:
			once("step")
			r.Loss = e.Metrics[run.Loss]
			r.Speed = finite(e.Metrics[run.ImagesPerSecond])
		case run.End:
			if !once("end") {
				break
			}
			switch e.Reason {
			case run.Finished:
				r.State = Finished
			case run.Collapsed:
				r.State = Collapsed
			default:
				r.State = Stopped
			}
		case run.Start, run.Resumed:
			once("end") // what ended before has gone on
			fallthrough
		case run.Replanned:
			if e.Steps > 0 && once("steps") {
				r.Steps = e.Steps
			}
		case run.Judged:
			if once("class") {
				r.Class = e.Class
			}
		case run.Alarm:
			if e.Name == run.Collapse && once("class") {
				r.Class = e.Class
			} else if e.Name == run.NonFinite && once("class") {
				r.Class = string(collapse.Diverged)
			}
		case run.Eval:
			if e.Probe == run.GuardProbe {
				break
			}
			if e.Of == run.OfBackbone && once("backbone") {
				r.KNN, r.Linear = e.Metrics[run.KNN], e.Metrics[run.Linear]
			}
			if e.Of == run.OfEmbedding && once("embedding") {
				r.Std, r.Rank = e.Metrics[run.Std], e.Metrics[run.EffectiveRank]
			}
		}
	}
	if r.Speed > 0 && r.Steps > r.Step {
		r.Left = finite(run.Num(float64(r.Steps-r.Step) * float64(images) / r.Speed))
	}
	return seen["backbone"] || seen["embedding"]
}

// finite returns a number, or 0.
func finite(n run.Number) float64 {
	if !n.Known || math.IsNaN(n.Value) || math.IsInf(n.Value, 0) {
		return 0
	}
	return n.Value
}
