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
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// Options say how a clustering reports its progress. With the zero value it is silent.
type Options struct {
	Note func(text string) // called with messages for the user
	// Stage is called before each stage. It returns how the stage's run reports its progress, and a function that is
	// called after the stage.
	Stage func(name string) (shown pretrain.Options, end func(*pretrain.Result, error))
}

// Result is the result of a clustering.
type Result struct {
	*report.Report
	Summary []string // the report as lines of text
}

// clustering is a plan being carried out in a folder.
type clustering struct {
	*Plan
	ctx     context.Context
	dir     string
	options Options

	plain, augmented embedded // the pretext's features of all images, and of an augmented view of some, once computed
}

// Run makes the missing stages of the plan in dir, and the report. When ctx ends, the current stage writes a checkpoint
// and the error is context.Cause(ctx). Another call of Run resumes from the checkpoint.
func Run(ctx context.Context, dir string, p *Plan, o Options) (r *Result, err error) {
	k := &clustering{Plan: p, ctx: ctx, dir: dir, options: o}
	defer func() {
		if k.plain.rows != nil {
			err = errors.Join(err, torch.Scope(func() error {
				k.plain.Free()
				k.augmented.Free()
				return nil
			}))
		}
	}()
	return k.run()
}

// run makes the missing stages and the report.
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
	if _, err := os.Stat(k.of(report.KMeans, classes)); err == nil {
		stages = []string{report.KMeans, report.Clustering}
	}
	sure, threshold, err := k.sure()
	switch {
	case err != nil:
		return nil, err
	case sure == 0:
		k.note(fmt.Sprintf("no image has a confidence above %v, so self-labelling has nothing to learn from and is "+
			"skipped: train the earlier stages for longer, or begin again with a lower --set "+
			"selflabel.method.threshold", threshold))
	default:
		if err := k.selfLabel(classes); err != nil {
			return nil, err
		}
		if _, stopped := k.stopped(); !stopped {
			stages = append(stages, report.SelfLabel)
		}
	}
	return k.report(classes, stages)
}

// encoder returns the file of the pretext's encoder.
func (k *clustering) encoder() string {
	if k.Pretext != "" {
		return filepath.Join(k.Pretext, run.EncoderFile)
	}
	return filepath.Join(k.dir, report.Pretext, run.EncoderFile)
}

// cluster makes a clustering stage that starts from the pretext's encoder.
func (k *clustering) cluster(name string, classes int, more []pretrain.Setting) error {
	more = append(more, pretrain.Setting{Path: "method.classes", Value: fmt.Sprint(classes), Source: "flag --classes"})
	return k.stage(name, "scan", k.encoder(), more, func(s *pretrain.Session, o *train.Options) error {
		m := s.Job.Method.(*method.SCAN)
		basis, err := k.basis(s, m)
		if err != nil {
			return err
		}
		k.judge(basis.premise)
		near := closest(basis.near, m.Neighbours)
		m.SetNeighbours(near)
		if m.HeadEpochs > 0 {
			o.Start = basis.heads[:2*m.Heads] // a weight and a bias of each
		}
		o.Hooks = append(o.Hooks, &assigner{
			ctx: k.ctx, session: s, stage: name, dir: k.in(name),
			near: near, heads: m.Heads, classes: m.Classes, weight: m.EntropyWeight,
		})
		return nil
	})
}

// closest are the first most neighbours of every image.
func closest(near [][]int, most int) [][]int {
	first := make([][]int, len(near))
	for i, all := range near {
		first[i] = all[:min(most, len(all))]
	}
	return first
}

// judge says whether the pretext is good enough to cluster.
func (k *clustering) judge(p report.Premise) {
	k.note(fmt.Sprintf("premise: heads on the pretext's features agree with ARI %.2f, and an augmented image keeps "+
		"%.0f %% of its nearest neighbours", p.Agreement, 100*p.Consistency))
	if p.Good {
		return
	}
	k.note(fmt.Sprintf("the pretext is too weak to cluster well (want %.2f and %.0f %%), so the clusters may be no "+
		"better than those of k-means: better first train it for longer, %s", leastAgreement, 100*leastConsistent,
		k.longer()))
}

// longer says how to train the pretext for twice as long.
func (k *clustering) longer() string {
	dir := filepath.Dir(k.encoder())
	of := map[string]int{}
	if text, err := run.ReadConfig(dir); err == nil {
		values, _ := config.Values(text, run.ConfigFile) // none if the config cannot be read
		for _, v := range values {
			of[v.Path], _ = strconv.Atoi(v.Text)
		}
	}
	key, flag := "train.epochs", "--epochs"
	if of["train.max_steps"] > 0 {
		key, flag = "train.max_steps", "--max-steps"
	}
	if k.Pretext != "" {
		return fmt.Sprintf("parallax pretrain --resume %s %s %d", dir, flag, 2*of[key])
	}
	return fmt.Sprintf("with --set pretext.%s=%d and another --out", key, 2*of[key])
}

// selfLabel makes the last stage. It starts from the best head of the clustering stage and the backbone beneath it.
func (k *clustering) selfLabel(classes int) error {
	more := []pretrain.Setting{{Path: "method.classes", Value: fmt.Sprint(classes), Source: "flag --classes"}}
	encoder := filepath.Join(k.in(report.Clustering), run.EncoderFile)
	prepare := func(s *pretrain.Session, o *train.Options) error {
		m := s.Job.Method.(*method.SelfLabel)
		head, _, err := nn.ReadStates(filepath.Join(k.in(report.Clustering), headFile))
		if err != nil {
			return fmt.Errorf("reading the head of the clustering stage: %w", err)
		}
		o.Start = head
		near, err := readNeighbours(filepath.Join(k.dir, neighboursFile), nil)
		if err != nil {
			return err
		}
		if near == nil {
			return fmt.Errorf("%s has no %s, by which clusters are scored: begin again with another --out", k.dir,
				neighboursFile)
		}
		assigned, err := k.clustered(s.Job.Source, m.Classes)
		if err != nil {
			return err
		}
		before := slices.Repeat([]int{-1}, s.Job.Source.Len())
		for _, a := range assigned {
			before[a.image] = a.cluster
		}
		clustering, err := k.describe(k.ctx, report.Clustering, "scan", k.encoder())
		if err != nil {
			return err
		}
		o.Hooks = append(o.Hooks, &assigner{
			ctx: k.ctx, session: s, stage: report.SelfLabel, dir: k.in(report.SelfLabel), heads: 1, classes: m.Classes,
			near: closest(near, clustering.Method.(*method.SCAN).Neighbours), before: before,
		})
		return clustering.Close()
	}
	return k.stage(report.SelfLabel, "scan-selflabel", encoder, more, prepare)
}

// stopped says why self-labelling stopped early, if it did.
func (k *clustering) stopped() (why string, ok bool) {
	return why, readJSON(filepath.Join(k.in(report.SelfLabel), stoppedFile), &why) == nil
}

func (k *clustering) in(stage string) string { return filepath.Join(k.dir, stage) }

// of is the folder of a stage's result. If the number of clusters is to be chosen, k-means has a folder for each.
func (k *clustering) of(stage string, classes int) string {
	if stage == report.KMeans && len(k.Classes) > 1 {
		return k.in(fmt.Sprintf("%s-%d", stage, classes))
	}
	return k.in(stage)
}

// stage makes or resumes a stage, unless it is finished.
func (k *clustering) stage(name, method, encoder string, more []pretrain.Setting,
	prepare func(*pretrain.Session, *train.Options) error) error {
	done, err := finished(k.in(name))
	if err != nil {
		return err
	}
	lacks := k.lacks(name)
	if done && lacks == "" {
		return nil
	}
	if _, stopped := k.stopped(); stopped && name == report.SelfLabel {
		return nil
	}
	k.note("stage " + name)
	var o pretrain.Options
	end := func(*pretrain.Result, error) {}
	if k.options.Stage != nil {
		o, end = k.options.Stage(name)
	}
	o.Prepare, o.Stage = prepare, true
	if done && prepare != nil && lacks != run.EncoderFile {
		o.Redo = (&assigner{}).Name()
	}
	if _, err := os.Stat(filepath.Join(k.in(name), run.ConfigFile)); err == nil {
		result, err := pretrain.Resume(k.ctx, k.in(name), nil, o)
		err = k.unlessStopped(name, err)
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
	request := &pretrain.Request{Preset: k.Preset, Settings: append(settings, more...), Stage: true}
	result, err := pretrain.Run(k.ctx, request, o)
	err = k.unlessStopped(name, err)
	end(result, err)
	return err
}

// lacks returns the first file that a finished stage should have and has not, "" for none.
func (k *clustering) lacks(stage string) string {
	files := []string{run.EncoderFile}
	if stage != report.Pretext {
		files = append(files, headFile, assignmentFile, report.ClustersFile)
	}
	for _, name := range files {
		if _, err := os.Stat(filepath.Join(k.in(stage), name)); errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
	return ""
}

// unlessStopped returns the error of a stage, but none if it is a self-labelling that stopped itself.
func (k *clustering) unlessStopped(stage string, err error) error {
	if _, stopped := k.stopped(); stopped && stage == report.SelfLabel && errors.Is(err, train.ErrCollapsed) {
		return nil
	}
	return err
}

// note passes a message to the user.
func (k *clustering) note(text string) {
	if k.options.Note != nil {
		k.options.Note(text)
	}
}

// finished reports whether a stage is finished: whether its last event says so.
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
			return false, nil // a torn line, which a resume removes
		}
		last = e
	}
	return last.Event == run.End && last.Reason == run.Finished, nil
}

// choose runs a short clustering stage for every number of clusters. It returns the number for which the heads agree
// best.
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
		k.note(fmt.Sprintf("%8d  %15.3f %6.3f  %7.3f  %8d of %d%s",
			a.Classes, a.Agreement.ARI, a.Agreement.NMI, a.Losses[a.Head], a.Used(), a.Classes, mark))
	}
	k.note(fmt.Sprintf("%d clusters: their heads agree best with one another "+
		"(losses for different numbers of clusters cannot be compared)", best.Classes))
	return best.Classes, nil
}

// nearlyBest returns the largest number of clusters whose heads agree nearly best: their ARI is within 0.01 of the
// highest. A larger number says more about the images. tried is in increasing order of the number.
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

// sure counts the images whose confidence after the clustering stage is above self-labelling's threshold.
func (k *clustering) sure() (n int, threshold float64, err error) {
	j, err := k.describe(k.ctx, report.SelfLabel, "scan-selflabel", k.encoder())
	if err != nil {
		return 0, 0, err
	}
	threshold = j.Method.(*method.SelfLabel).Threshold
	all, err := k.clustered(j.Source, math.MaxInt)
	for _, s := range all {
		if s.confidence > threshold {
			n++
		}
	}
	return n, threshold, errors.Join(err, j.Close())
}

// clustered returns the clusters of the clustering stage, numbered below classes.
func (k *clustering) clustered(source *dataset.Source, classes int) ([]sorted, error) {
	text, err := os.ReadFile(filepath.Join(k.in(report.Clustering), report.ClustersFile))
	if err != nil {
		return nil, err
	}
	return readClusters(string(text), source, classes)
}

// short returns the settings of a short clustering stage: a fifth of the length, and at least three heads.
func (k *clustering) short() ([]pretrain.Setting, error) {
	j, err := k.describe(k.ctx, report.Clustering, "scan", k.encoder())
	if err != nil {
		return nil, err
	}
	t, m := j.Config.Train, j.Method.(*method.SCAN)
	if err := j.Close(); err != nil {
		return nil, err
	}
	path, steps := "train.epochs", t.Epochs
	if t.MaxSteps > 0 {
		path, steps = "train.max_steps", t.MaxSteps
	}
	return []pretrain.Setting{
		{Path: path, Value: fmt.Sprint(max(1, steps/5)), Source: "a fifth, to choose"},
		{Path: "method.heads", Value: fmt.Sprint(max(3, m.Heads)), Source: "to compare"},
	}, nil
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
