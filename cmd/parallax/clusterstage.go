// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// stage is what a run that is one of several does besides.
type stage struct {
	again string                                   // the command that goes on with them all
	begin func(s *session, o *train.Options) error // before the networks are built
}

// run makes all stages that are not made, and reports.
func (k *clustering) run() error {
	if k.Pretext == "" {
		if err := k.stage(pretextStage, k.Method, "", nil, func(*session, *train.Options) error { return nil }); err != nil {
			return err
		}
	}
	classes := k.Classes[0]
	if len(k.Classes) > 1 {
		var err error
		if classes, err = k.choose(); err != nil {
			return err
		}
	}
	if err := k.cluster(clusteringStage, classes, nil); err != nil {
		return err
	}
	stages := []string{clusteringStage}
	sure, threshold, err := k.sure()
	switch {
	case err != nil:
		return err
	case sure == 0:
		k.note(fmt.Sprintf("no image is surer of its cluster than %v, so self-labelling has nothing to learn from and is left out: train the stages before it for longer, or begin again with a lower --set selflabel.method.threshold", threshold))
	default:
		if err := k.selfLabel(classes); err != nil {
			return err
		}
		stages = append(stages, selfLabelStage)
	}
	return k.report(classes, stages)
}

// encoder is the pretext's.
func (k *clustering) encoder() string {
	if k.Pretext != "" {
		return filepath.Join(k.Pretext, run.EncoderFile)
	}
	return filepath.Join(k.dir, pretextStage, run.EncoderFile)
}

// cluster makes a clustering stage, from the pretext's encoder.
func (k *clustering) cluster(name string, classes int, more []setting) error {
	more = append(more, setting{"method.classes", fmt.Sprint(classes), "flag --classes"})
	return k.stage(name, "scan", k.encoder(), more, func(s *session, o *train.Options) error {
		m := s.job.method.(*method.SCAN)
		near, err := k.neighbours(s, m.Neighbours)
		if err != nil {
			return err
		}
		closest := make([][]int, len(near))
		for i, all := range near {
			closest[i] = all[:min(m.Neighbours, len(all))]
		}
		m.SetNeighbours(closest)
		o.Hooks = append(o.Hooks, &assigner{
			session: s, stage: name, dir: k.in(name), near: closest, heads: m.Heads, classes: m.Classes, weight: m.EntropyWeight,
		})
		return nil
	})
}

// selfLabel makes the last stage, from the best head of the clustering stage and the backbone beneath it.
func (k *clustering) selfLabel(classes int) error {
	more := []setting{{"method.classes", fmt.Sprint(classes), "flag --classes"}}
	return k.stage(selfLabelStage, "scan-selflabel", filepath.Join(k.in(clusteringStage), run.EncoderFile), more, func(s *session, o *train.Options) error {
		m := s.job.method.(*method.SelfLabel)
		head, _, err := nn.ReadStates(filepath.Join(k.in(clusteringStage), headFile))
		if err != nil {
			return fmt.Errorf("reading the head of the clustering stage: %w", err)
		}
		o.Start = head
		o.Hooks = append(o.Hooks, &assigner{session: s, stage: selfLabelStage, dir: k.in(selfLabelStage), heads: 1, classes: m.Classes})
		return nil
	})
}

func (k *clustering) in(stage string) string { return filepath.Join(k.dir, stage) }

// stage makes a stage, or goes on with it, unless it is finished.
func (k *clustering) stage(name, method, encoder string, more []setting, begin func(*session, *train.Options) error) error {
	if done, err := finished(k.in(name)); done || err != nil {
		return err
	}
	f := pretrainFlags{json: k.json, preset: k.Preset, stage: &stage{again: "parallax cluster --resume " + k.dir, begin: begin}}
	k.note("stage " + name)
	if _, err := os.Stat(filepath.Join(k.in(name), run.ConfigFile)); err == nil {
		f.preset, f.resume = "", k.in(name)
		return f.resumeRun(k.ctx, k.out, nil)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	of := name
	if strings.HasPrefix(name, choosePrefix) {
		of = clusteringStage
	}
	settings, err := k.settings(of, encoder)
	if err != nil {
		return err
	}
	f.data, f.method, f.out = k.Data, method, k.in(name)
	settings = append(settings, setting{"method.name", method, "the stage"})
	return f.newRun(k.ctx, k.out, append(settings, more...))
}

// note prints a sentence where it does not disturb JSON.
func (k *clustering) note(text string) {
	if k.json {
		fmt.Fprintln(os.Stderr, "parallax: "+text)
		return
	}
	fmt.Fprintln(k.out, text)
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
	var tried []assignment
	for _, classes := range k.Classes {
		name := choosePrefix + fmt.Sprint(classes)
		length, err := k.short()
		if err != nil {
			return 0, err
		}
		if err := k.cluster(name, classes, length); err != nil {
			return 0, err
		}
		var a assignment
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
		k.note(fmt.Sprintf("%8d  %15.3f %6.3f  %7.3f  %8d of %d%s", a.Classes, a.Agreement.ARI, a.Agreement.NMI, a.Losses[a.Head], a.used(), a.Classes, mark))
	}
	k.note(fmt.Sprintf("%d clusters: their heads agree best with one another (losses of different numbers cannot be compared)", best.Classes))
	return best.Classes, nil
}

// nearlyBest is the largest number of clusters whose heads agree within 0.01 as well as those of any: it says the most.
// The numbers are in increasing order.
func nearlyBest(tried []assignment) assignment {
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
	j, err := k.describe(k.ctx, selfLabelStage, "scan-selflabel", k.encoder())
	if err != nil {
		return 0, 0, err
	}
	threshold = j.method.(*method.SelfLabel).Threshold
	text, err := os.ReadFile(filepath.Join(k.in(clusteringStage), clustersFile))
	if err != nil {
		return 0, 0, err
	}
	all, err := readClusters(string(text), j.source, math.MaxInt)
	for _, s := range all {
		if s.confidence > threshold {
			n++
		}
	}
	return n, threshold, errors.Join(err, j.source.Close())
}

// short is a fifth of the length of the clustering stage, with several heads at least.
func (k *clustering) short() ([]setting, error) {
	j, err := k.describe(k.ctx, clusteringStage, "scan", k.encoder())
	if err != nil {
		return nil, err
	}
	t, m := j.config.Train, j.method.(*method.SCAN)
	if err := j.source.Close(); err != nil {
		return nil, err
	}
	length := setting{"train.epochs", fmt.Sprint(max(1, t.Epochs/5)), "a fifth, to choose"}
	if t.MaxSteps > 0 {
		length = setting{"train.max_steps", fmt.Sprint(max(1, t.MaxSteps/5)), "a fifth, to choose"}
	}
	return []setting{length, {"method.heads", fmt.Sprint(max(3, m.Heads)), "to compare"}}, nil
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
