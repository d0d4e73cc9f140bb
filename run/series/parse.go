// SPDX-License-Identifier: Apache-2.0

package series

import (
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/parallax-ssl/parallax/internal/filename"
	"github.com/parallax-ssl/parallax/run"
)

// A line is what a curve takes from an event.
type line struct {
	kind      string
	probe, of string // of an evaluation
	step      int
	speed     float64 // images per second; 0: unknown
	numbers   []number
}

type number struct {
	tag   string
	value float64 // NaN for null
}

// parse reads an event of a step or an evaluation into l, and another event as a whole. It reports false for a line
// that is no event. It is several times faster than reading a [run.Event], which a million lines need.
func (l *line) parse(text []byte, names *names) (other *run.Event, ok bool) {
	if !gjson.ValidBytes(text) {
		return nil, false
	}
	whole := gjson.ParseBytes(text)
	*l = line{kind: whole.Get("event").String(), numbers: l.numbers[:0]}
	if l.kind != run.StepEnd && l.kind != run.Eval {
		e := &run.Event{}
		if json.Unmarshal(text, e) != nil || e.Event == "" || e.Step < 0 || e.Step > mostStep {
			return nil, false
		}
		l.step = e.Step
		return e, true
	}
	prefix := ""
	if l.kind == run.Eval {
		l.probe, l.of = probe(whole.Get("probe")), whole.Get("of").String()
		prefix = names.evaluation(l.probe, l.of)
	}
	found := false
	whole.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "step":
			if found = value.Type == gjson.Number && value.Num >= 0 && value.Num <= mostStep; found {
				l.step = int(value.Num)
			}
		case "epoch", "dims", "rows", "used", "left_out", "overlap", "distinct":
		case "terms", "gradients":
			group := key.Str
			value.ForEach(func(part, value gjson.Result) bool {
				l.number(value, names.part(group, part.Str))
				return true
			})
		case run.ImagesPerSecond:
			l.speed = value.Num
			fallthrough
		default:
			l.number(value, names.joined(prefix, key.Str))
		}
		return true
	})
	return nil, found
}

// probe returns the path of a probe, which need not be UTF-8.
func probe(value gjson.Result) string {
	var path filename.Name
	if text := value.String(); !strings.ContainsRune(text, utf8.RuneError) ||
		json.Unmarshal([]byte(value.Raw), &path) != nil {
		return text
	}
	return string(path)
}

// number appends a number, or a null.
func (l *line) number(value gjson.Result, tag string) {
	switch value.Type {
	case gjson.Number:
		l.numbers = append(l.numbers, number{tag, value.Num})
	case gjson.Null:
		l.numbers = append(l.numbers, number{tag, math.NaN()})
	}
}

// mostStep bounds the steps of a line. A checkpoint's name has eight digits.
const mostStep = 1 << 40

// names keeps the tags that were put together, since the same ones come with every line.
type names struct{ tags map[[2]string]string }

// mostNames bounds the names that are kept, and so the curves. A run has a hundred.
const mostNames = 2000

// put returns the tag of two parts, or "" when there are too many.
func (n *names) put(a, b string, join func() string) string {
	tag, known := n.tags[[2]string{a, b}]
	switch {
	case known || len(n.tags) >= mostNames:
		return tag
	case n.tags == nil:
		n.tags = map[[2]string]string{}
	}
	tag = join()
	n.tags[[2]string{a, b}] = tag
	return tag
}

func (n *names) evaluation(probe, of string) string {
	return n.put("\x00"+probe, of, func() string {
		return (&run.Event{Event: run.Eval, Probe: probe, Of: of}).Tag("")
	})
}

func (n *names) part(group, part string) string {
	return n.put(group, part, func() string { return group + "/" + part })
}

func (n *names) joined(prefix, name string) string {
	return n.put(prefix, name, func() string { return prefix + name })
}
