// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
)

// minutesFile is the recipe of Request.Minutes.
//
//go:embed minutes.yaml
var minutesFile []byte

// recipe is the form of minutes.yaml, which says what its values mean.
type recipe struct {
	Method      string
	Why         string
	LargestView int                  `yaml:"largest_view"`
	LeastView   int                  `yaml:"least_view"`
	Settings    map[string]yaml.Node // of every method; a section has those of one method
	Stages      []struct {
		Parts int
		Side  float64
	}
	Widths []struct {
		From  float64
		Width int
	}
}

func readRecipe() (*recipe, error) {
	b := &recipe{}
	if err := yaml.Unmarshal(minutesFile, b); err != nil {
		return nil, fmt.Errorf("reading minutes.yaml: %w", err)
	}
	return b, nil
}

// The bounds of Request.Minutes, and of a plan.
const (
	leastMinutes = 0.25
	mostMinutes  = 7 * 24 * 60
	leastSteps   = 20 // of a plan: with fewer the encoder would be good for nothing
)

// plan chooses what the request leaves open and returns the request with everything chosen, and the deadline.
func plan(ctx context.Context, r *Request, o *Options) (*Request, *deadline, error) {
	if o.now == nil {
		o.now = time.Now
	}
	began := o.now()
	source := fmt.Sprintf("--minutes %g", r.Minutes)
	if !(r.Minutes >= leastMinutes && r.Minutes <= mostMinutes) {
		return nil, nil, run.Invalid(fmt.Errorf("%s: give %g to %d minutes", source, leastMinutes, mostMinutes))
	}
	for _, path := range []string{"train.epochs", "train.max_steps", "stages.ends"} {
		if s, err := r.Value(path); err != nil || s != nil {
			if err == nil {
				err = fmt.Errorf("%s and %s (%s) are two lengths of the run: leave one out", source, path, s.Source)
			}
			return nil, nil, run.Invalid(err)
		}
	}
	b, err := readRecipe()
	if err != nil {
		return nil, nil, err
	}
	chosen, err := b.choose(r, source)
	if err != nil {
		return nil, nil, run.Invalid(err)
	}
	j, err := Resolve(ctx, chosen)
	if err != nil {
		return nil, nil, err
	}
	measure := o.measure
	if measure == nil {
		measure = j.Rehearse
	}
	measured, err := measure(ctx)
	err = errors.Join(err, j.Close())
	if err != nil {
		return nil, nil, err
	}
	d := &deadline{
		limit: began.Add(time.Duration(r.Minutes * float64(time.Minute))), whole: 60 * r.Minutes, now: o.now,
		pace: measured.paces(), evaluation: measured.EvalTime,
	}
	if o.Report {
		d.after = min(reporting*d.whole, mostReport)
	}
	steps, every := d.fit()
	if steps < leastSteps {
		return nil, nil, run.Invalid(fmt.Errorf("%s is too short here: a step takes %.1f s and an evaluation %.0f s, "+
			"and %.0f s are left after the start: give more minutes, or a smaller --size", source, mean(d.pace),
			d.evaluation, d.left()))
	}
	for _, s := range []struct {
		path  string
		value int
	}{{"train.max_steps", steps}, {"train.eval_every", every}, {"train.save_every", every}} {
		chosen.recipe = append(chosen.recipe, Setting{s.path, strconv.Itoa(s.value), source})
	}
	for _, line := range b.account(j.Config.Config, d.pace, steps, r.Minutes) {
		o.note(line)
	}
	return chosen, d, nil
}

// choose returns the request with the recipe under its own file and settings, but without a length.
func (b *recipe) choose(r *Request, source string) (*Request, error) {
	chosen := *r
	chosen.Minutes = 0
	chosen.Settings = slices.Clone(r.Settings)
	put := func(path string, value any) {
		chosen.recipe = append(chosen.recipe, Setting{path, fmt.Sprint(value), source})
	}
	given := map[string]string{}
	for _, path := range []string{"method.name", "train.device", "backbone.name", "data.size"} {
		s, err := r.Value(path)
		if err != nil {
			return nil, err
		}
		if s != nil {
			given[path] = s.Value
		}
	}
	name := cmp.Or(given["method.name"], b.Method)
	if given["method.name"] == "" {
		chosen.Settings = append(chosen.Settings, Setting{"method.name", name, source})
	}
	if r.Preset == "" {
		if cmp.Or(given["train.device"], "cpu") == "cpu" {
			chosen.Preset = "tiny-cpu"
			put("backbone.width", b.width(r.Minutes))
		}
		b.settings(name, put)
	}
	images, size, err := OpenData(&chosen)
	if err != nil {
		return nil, err
	}
	if err := images.Close(); err != nil {
		return nil, err
	}
	if given["data.size"] == "" && size > b.LargestView {
		size = b.LargestView
		chosen.Settings = append(chosen.Settings, Setting{"data.size", strconv.Itoa(size), source})
	}
	n, err := chosen.divide(b.parts(), size)
	if err != nil {
		return nil, err
	}
	put("stages.sizes", "["+strings.Join(b.sides(n, size, given["backbone.name"]), ", ")+"]")
	return &chosen, nil
}

// divide divides the stages that the request gives, of views of size pixels, into equal parts, at least as many as are
// wanted, and returns how many stages there are. The clock is looked at where a stage ends.
func (r *Request) divide(wanted, size int) (stages int, err error) {
	given := map[string][]string{}
	sources := map[string]string{}
	for _, path := range []string{"stages.sizes", "stages.strength"} {
		s, err := r.Value(path)
		if err != nil {
			return 0, err
		}
		var values []string
		if s == nil || yaml.Unmarshal([]byte(s.Value), &values) != nil {
			continue
		}
		given[path], sources[path] = values, s.Source
		if len(values) > 0 && stages > 0 && len(values) != stages {
			return wanted, nil // Resolve says what is wrong
		}
		stages = max(stages, len(values))
	}
	stages = max(stages, 1)
	each := (wanted + stages - 1) / stages
	whole := map[string]string{"stages.sizes": strconv.Itoa(size), "stages.strength": "1"} // what an empty list means
	for _, path := range slices.Sorted(maps.Keys(given)) {
		values := given[path]
		if len(values) == 0 {
			values = slices.Repeat([]string{whole[path]}, stages)
		}
		var parts []string
		for _, v := range values {
			parts = append(parts, slices.Repeat([]string{v}, each)...)
		}
		r.Settings = append(r.Settings, Setting{path, "[" + strings.Join(parts, ", ") + "]", sources[path]})
	}
	return each * stages, nil
}

// width returns the width of the network for so many minutes.
func (b *recipe) width(minutes float64) (width int) {
	for _, w := range b.Widths {
		if minutes >= w.From {
			width = w.Width
		}
	}
	return width
}

// settings puts the recipe's settings for a method.
func (b *recipe) settings(method string, put func(path string, value any)) {
	for _, path := range slices.Sorted(maps.Keys(b.Settings)) {
		node := b.Settings[path]
		switch {
		case node.Kind == yaml.ScalarNode:
			put(path, node.Value)
		case path == method:
			for i := 0; i+1 < len(node.Content); i += 2 {
				put(node.Content[i].Value, node.Content[i+1].Value)
			}
		}
	}
}

// parts returns how many parts the schedule has.
func (b *recipe) parts() (n int) {
	for _, s := range b.Stages {
		n += s.Parts
	}
	return n
}

// sides returns the side of the views in each of n stages. They are multiples of four pixels, which most networks halve
// at least twice. A ViT sees full views only: the positions of its patches belong to one size.
func (b *recipe) sides(n, size int, network string) (sides []string) {
	until := 0
	for _, s := range b.Stages {
		side := min(size, max(b.LeastView, 4*int(math.Round(float64(size)*s.Side/4))))
		if strings.HasPrefix(network, "vit") {
			side = size
		}
		for until += s.Parts; len(sides)*b.parts() < n*until; {
			sides = append(sides, strconv.Itoa(side))
		}
	}
	return sides
}

// account says what was chosen, and why.
func (b *recipe) account(c *config.Config, pace []float64, steps int, minutes float64) []string {
	method := c.Method.Name
	if method == b.Method {
		method += ", which " + b.Why
	}
	batch := float64(c.Train.Batch * c.Train.Accumulate)
	sizes := c.Stages.Sizes
	var stages []string
	for stage, from := 0, 0; stage < len(pace); stage++ {
		if stage+1 < len(pace) && sizes[stage+1] == sizes[stage] {
			continue
		}
		stages = append(stages, fmt.Sprintf("%d px for %d%% of the steps (%.0f images/s here)", sizes[stage],
			100*(stage+1-from)/len(pace), batch/pace[stage]))
		from = stage + 1
	}
	views := "views start small, because small views cost less: "
	if sizes[0] >= slices.Max(sizes) {
		views = "views: "
	}
	lines := []string{
		fmt.Sprintf("%g minutes: %s; %s of width %d, batch %d", minutes, method, c.Backbone.Name, c.Backbone.Width,
			c.Train.Batch),
		views + strings.Join(stages, ", "),
		fmt.Sprintf("about %d steps, %.1f passes over %d images, planned again as the run goes", steps,
			float64(steps)*batch/float64(c.Data.Images), c.Data.Images),
	}
	for _, w := range b.Widths {
		if w.From > minutes && w.Width > c.Backbone.Width {
			lines = append(lines,
				fmt.Sprintf("with %g minutes or more the network would have width %d", w.From, w.Width))
			break
		}
	}
	return lines
}

// paces returns the seconds of a step in every stage. Images are loaded meanwhile, so the slower of both counts.
func (r *Rehearsal) paces() []float64 {
	paces := slices.Clone(r.StageTimes)
	for stage := range paces {
		paces[stage] = max(paces[stage], r.LoadTime)
	}
	return paces
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}
