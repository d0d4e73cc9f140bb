// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// Options say how a clustering is shown. The zero value works in silence.
type Options struct {
	Note func(text string) // called with sentences for whoever started it
	// Stage is called before each stage that is a run; what it returns says how that run is shown. End is called after it.
	Stage func(name string) (shown pretrain.Options, end func(*pretrain.Result, error))
}

// Result is what a clustering came to.
type Result struct {
	*report.Report
	Summary []string // the report in lines, for reading
}

// clustering is a plan at work in a folder.
type clustering struct {
	*Plan
	ctx     context.Context
	dir     string
	options Options
	near    [][]int // of every image its nearest others, once known
}

// Run makes all stages of the plan in dir that are not made yet, and the report. When ctx ends, the stage at work writes a
// checkpoint first, and the error is context.Cause(ctx); Run goes on from there when it is called again.
func Run(ctx context.Context, dir string, p *Plan, o Options) (*Result, error) {
	k := &clustering{Plan: p, ctx: ctx, dir: dir, options: o}
	return k.run()
}

// run makes all stages that are not made, and reports.
func (k *clustering) run() (*Result, error) {
	if k.Pretext == "" {
		if err := k.stage(report.Pretext, k.Method, "", nil, nil); err != nil {
			return nil, err
		}
	}
	classes := k.Classes[0]
	if len(k.Classes) > 1 {
		var err error
		if classes, err = k.choose(); err != nil {
			return nil, err
		}
	}
	if err := k.cluster(report.Clustering, classes, nil); err != nil {
		return nil, err
	}
	stages := []string{report.Clustering}
	sure, threshold, err := k.sure()
	switch {
	case err != nil:
		return nil, err
	case sure == 0:
		k.note(fmt.Sprintf("no image is surer of its cluster than %v, so self-labelling has nothing to learn from and is left out: train the stages before it for longer, or begin again with a lower --set selflabel.method.threshold", threshold))
	default:
		if err := k.selfLabel(classes); err != nil {
			return nil, err
		}
		stages = append(stages, report.SelfLabel)
	}
	return k.report(classes, stages)
}

// encoder is the pretext's.
func (k *clustering) encoder() string {
	if k.Pretext != "" {
		return filepath.Join(k.Pretext, run.EncoderFile)
	}
	return filepath.Join(k.dir, report.Pretext, run.EncoderFile)
}

// cluster makes a clustering stage, from the pretext's encoder.
func (k *clustering) cluster(name string, classes int, more []pretrain.Setting) error {
	more = append(more, pretrain.Setting{Path: "method.classes", Value: fmt.Sprint(classes), Source: "flag --classes"})
	return k.stage(name, "scan", k.encoder(), more, func(s *pretrain.Session, o *train.Options) error {
		m := s.Job.Method.(*method.SCAN)
		near, err := k.neighbours(s, m.Neighbours)
		if err != nil {
			return err
		}
		closest := make([][]int, len(near))
		for i, all := range near {
			closest[i] = all[:min(m.Neighbours, len(all))]
		}
		m.SetNeighbours(closest)
		o.Hooks = append(o.Hooks, &assigner{ctx: k.ctx,
			session: s, stage: name, dir: k.in(name), near: closest, heads: m.Heads, classes: m.Classes, weight: m.EntropyWeight,
		})
		return nil
	})
}

// selfLabel makes the last stage, from the best head of the clustering stage and the backbone beneath it.
func (k *clustering) selfLabel(classes int) error {
	more := []pretrain.Setting{{Path: "method.classes", Value: fmt.Sprint(classes), Source: "flag --classes"}}
	return k.stage(report.SelfLabel, "scan-selflabel", filepath.Join(k.in(report.Clustering), run.EncoderFile), more, func(s *pretrain.Session, o *train.Options) error {
		m := s.Job.Method.(*method.SelfLabel)
		head, _, err := nn.ReadStates(filepath.Join(k.in(report.Clustering), headFile))
		if err != nil {
			return fmt.Errorf("reading the head of the clustering stage: %w", err)
		}
		o.Start = head
		o.Hooks = append(o.Hooks, &assigner{ctx: k.ctx, session: s, stage: report.SelfLabel, dir: k.in(report.SelfLabel), heads: 1, classes: m.Classes})
		return nil
	})
}

func (k *clustering) in(stage string) string { return filepath.Join(k.dir, stage) }

// stage makes a stage, or goes on with it, unless it is finished.
func (k *clustering) stage(name, method, encoder string, more []pretrain.Setting, prepare func(*pretrain.Session, *train.Options) error) error {
	if done, err := finished(k.in(name)); done || err != nil {
		return err
	}
	k.note("stage " + name)
	var o pretrain.Options
	end := func(*pretrain.Result, error) {}
	if k.options.Stage != nil {
		o, end = k.options.Stage(name)
	}
	o.Prepare, o.Stage = prepare, true
	if _, err := os.Stat(filepath.Join(k.in(name), run.ConfigFile)); err == nil {
		result, err := pretrain.Resume(k.ctx, k.in(name), nil, o)
		end(result, err)
		return err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	of := name
	if strings.HasPrefix(name, choosePrefix) {
		of = report.Clustering
	}
	settings, err := k.settings(of, encoder)
	if err != nil {
		return err
	}
	o.Out = k.in(name)
	settings = append(settings, pretrain.Setting{Path: "method.name", Value: method, Source: "the stage"})
	result, err := pretrain.Run(k.ctx, &pretrain.Request{Preset: k.Preset, Settings: append(settings, more...), Stage: true}, o)
	end(result, err)
	return err
}

// note tells whoever started the clustering something.
func (k *clustering) note(text string) {
	if k.options.Note != nil {
		k.options.Note(text)
	}
}

// finished reports whether a stage has come to its end: whether that is the last thing that its metrics say.
func finished(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, run.MetricsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	var last run.Event
	for e, err := range run.ReadEvents(f) {
		if err != nil {
			return false, nil // torn: resuming mends it
		}
		last = e
	}
	return last.Event == run.End && last.Reason == run.Finished, nil
}

// choose runs a short clustering stage for every number of clusters, and returns the one on which the heads agree best.
func (k *clustering) choose() (int, error) {
	var tried []report.Assignment
	for _, classes := range k.Classes {
		name := choosePrefix + fmt.Sprint(classes)
		length, err := k.short()
		if err != nil {
			return 0, err
		}
		if err := k.cluster(name, classes, length); err != nil {
			return 0, err
		}
		var a report.Assignment
		if err := readJSON(filepath.Join(k.in(name), assignmentFile), &a); err != nil {
			return 0, err
		}
		tried = append(tried, a)
	}
	best := nearlyBest(tried)
	k.note("clusters  heads agree: ARI, NMI   loss     clusters used")
	for _, a := range tried {
		mark := ""
		if a.Classes == best.Classes {
			mark = "  <- chosen"
		}
		k.note(fmt.Sprintf("%8d  %15.3f %6.3f  %7.3f  %8d of %d%s", a.Classes, a.Agreement.ARI, a.Agreement.NMI, a.Losses[a.Head], a.Used(), a.Classes, mark))
	}
	k.note(fmt.Sprintf("%d clusters: their heads agree best with one another (losses of different numbers cannot be compared)", best.Classes))
	return best.Classes, nil
}

// nearlyBest is the largest number of clusters whose heads agree within 0.01 as well as those of any: it says the most.
// The numbers are in increasing order.
func nearlyBest(tried []report.Assignment) report.Assignment {
	top := math.Inf(-1)
	for _, a := range tried {
		top = max(top, a.Agreement.ARI)
	}
	best := tried[0]
	for _, a := range tried {
		if a.Agreement.ARI >= top-0.01 {
			best = a
		}
	}
	return best
}

// sure counts the images that the clustering stage is surer of than self-labelling's threshold.
func (k *clustering) sure() (n int, threshold float64, err error) {
	j, err := k.describe(k.ctx, report.SelfLabel, "scan-selflabel", k.encoder())
	if err != nil {
		return 0, 0, err
	}
	threshold = j.Method.(*method.SelfLabel).Threshold
	text, err := os.ReadFile(filepath.Join(k.in(report.Clustering), report.ClustersFile))
	if err != nil {
		return 0, 0, err
	}
	all, err := readClusters(string(text), j.Source, math.MaxInt)
	for _, s := range all {
		if s.confidence > threshold {
			n++
		}
	}
	return n, threshold, errors.Join(err, j.Close())
}

// short is a fifth of the length of the clustering stage, with several heads at least.
func (k *clustering) short() ([]pretrain.Setting, error) {
	j, err := k.describe(k.ctx, report.Clustering, "scan", k.encoder())
	if err != nil {
		return nil, err
	}
	t, m := j.Config.Train, j.Method.(*method.SCAN)
	if err := j.Close(); err != nil {
		return nil, err
	}
	length := pretrain.Setting{Path: "train.epochs", Value: fmt.Sprint(max(1, t.Epochs/5)), Source: "a fifth, to choose"}
	if t.MaxSteps > 0 {
		length = pretrain.Setting{Path: "train.max_steps", Value: fmt.Sprint(max(1, t.MaxSteps/5)), Source: "a fifth, to choose"}
	}
	return []pretrain.Setting{length, {Path: "method.heads", Value: fmt.Sprint(max(3, m.Heads)), Source: "to compare"}}, nil
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
