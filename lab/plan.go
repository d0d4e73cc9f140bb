// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/filename"
	"github.com/parallax-ssl/parallax/preset"
)

// A Plan is what a laboratory was asked to do. It is kept in the output as lab.json. From there an interrupted
// laboratory resumes, and a report is made.
type Plan struct {
	Experiments []string `json:"experiments"` // their ids
	Data        string   `json:"data"`
	Seeds       int      `json:"seeds"` // number of seeds, which are 1, 2, ...
	Steps       int      `json:"steps"` // the usual length of a run at batch 256
	Longer      bool     `json:"longer"`
	Set         []string `json:"set,omitempty"` // settings for all arms
	Classes     int      `json:"classes"`       // number of classes of the data; 0 without labels
	RuleVersion int      `json:"rule_version"`
	// Begun has when each run began, by its directory. Runs of older laboratories are not there.
	Begun map[string]time.Time `json:"begun,omitempty"`
}

// Defaults of a [Plan].
const (
	Seeds = FullSeeds
	Steps = 200
)

// A Job is one run: an arm under one seed, of one length.
type Job struct {
	Arm  Arm
	Seed int
	Long bool
}

// Dir returns the run's directory, relative to the laboratory's output. Its name is a hash of the arm's settings and
// not of its experiment, so that an arm that several experiments share runs once. The hash includes the preset's
// settings, so that another version of the program with another preset does not take old runs for its own.
func (j Job) Dir() string {
	sum := sha256.Sum256([]byte(j.Arm.Key() + presetFor(j.Arm.Method)))
	name := j.Arm.Method + "-" + hex.EncodeToString(sum[:4])
	seed := "seed-" + strconv.Itoa(j.Seed)
	if j.Long {
		seed += "-long"
	}
	return filepath.Join("arms", name, seed)
}

// name is Dir with slashes on every system: the run's name in [Plan.Begun].
func (j Job) name() string { return filepath.ToSlash(j.Dir()) }

// presetName is the preset of every run.
const presetName = "lab"

// kept are the settings that the preset has had since a default changed, so that its runs stay as they were. Runs that
// began before have the same values, so these settings are no part of a run's directory.
var kept = []string{
	"augment.color_jitter", "augment.cutout.min_size", "augment.rand_augment", "augment.solarize",
	"method.asymmetric_views", "method.covariance_gradient", "method.include_self", "method.neighbours_by",
	"method.sum_heads",
}

// presetFor returns the preset's settings for a method's arms, as one text. It is kept, because all verdicts are made
// anew when a run ends.
func presetFor(method string) string {
	if text, known := presetTexts.Load(method); known {
		return text.(string)
	}
	methods := []string{method}
	if method == clusterMethod {
		methods = append(methods, clusterPretext)
	}
	var text strings.Builder
	for _, m := range methods {
		settings, err := preset.Settings(presetName, m)
		if err != nil {
			panic(err) // it is a part of the program
		}
		for _, s := range settings {
			if !slices.Contains(kept, s.Path) {
				text.WriteString(" " + original(m, s.Path, s.Value))
			}
		}
	}
	presetTexts.Store(method, text.String())
	return text.String()
}

var presetTexts sync.Map // from a method to its text

// Args returns the arguments of the command that makes the run. A reader can type them to make it again.
func (p Plan) Args(j Job, out string) []string {
	length := j.Arm.RelativeLength()
	if j.Long {
		length *= LongerLength
	}
	args := append(p.command(j), "--preset", presetName, "--seed", strconv.Itoa(j.Seed),
		"--max-steps", strconv.Itoa(p.steps(j.Arm, length)), "--threads", "1", "--out", out)
	for _, s := range append(append([]string{}, p.Set...), j.Arm.Set...) {
		args = append(args, "--set", s)
	}
	return args
}

// steps returns the length of an arm's run in optimiser steps. Arms of another batch size see the same number of
// images.
func (p Plan) steps(a Arm, length float64) int {
	steps := float64(p.Steps) * length
	for _, s := range a.Set {
		if text, is := strings.CutPrefix(s, "train.batch="); is {
			if batch, err := strconv.Atoi(text); err == nil && batch > 0 {
				steps = steps * usualBatch / float64(batch)
			}
		}
	}
	return max(1, int(steps+0.5))
}

// usualBatch is the batch size of the laboratory's preset.
const usualBatch = 256

// Look opens the data and counts the classes of its labels.
func (p *Plan) Look() error {
	var o dataset.Options
	for _, s := range p.Set {
		switch key, value, _ := strings.Cut(s, "="); key {
		case "data.labels":
			o.Labels = value
		case "data.split":
			o.Split = value
		}
	}
	source, err := dataset.Open(p.Data, o)
	if err != nil {
		return err
	}
	p.Classes = len(source.Classes)
	return source.Close()
}

// Choose returns the known experiments that the plan names. Those that need labels are marked as untestable if the data
// have none.
func (p Plan) Choose(known []Experiment) ([]Experiment, error) {
	var all []Experiment
	for _, id := range p.Experiments {
		e, err := Find(known, id)
		if err != nil {
			return nil, err
		}
		if e.NeedsLabels && p.Classes == 0 && e.Untestable == "" {
			e.Untestable = "it needs labelled images, and these images have no labels: add --set " +
				"data.labels=folders, or a CSV file of path,label"
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no experiment was named: parallax lab list shows them all")
	}
	return all, nil
}

// Jobs lists the runs of the usual length, each once: all arms with the first seed, then all with the second, and so
// on, so that all verdicts progress together.
func (p Plan) Jobs(experiments []Experiment) []Job {
	var all []Job
	for seed := 1; seed <= p.Seeds; seed++ {
		done := map[string]bool{}
		for _, e := range experiments {
			for _, a := range e.Arms {
				if e.Untestable == "" && !done[a.Key()] {
					done[a.Key()] = true
					all = append(all, Job{Arm: a, Seed: seed})
				}
			}
		}
	}
	return all
}

// longer lists the runs of an experiment at the longer length.
func (p Plan) longer(e Experiment) []Job {
	var all []Job
	for seed := 1; seed <= p.Seeds; seed++ {
		for _, a := range e.Arms {
			all = append(all, Job{Arm: a, Seed: seed, Long: true})
		}
	}
	return all
}

// MarshalJSON writes the plan. The path of the data need not be UTF-8.
func (p Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	return json.Marshal(struct {
		plain
		Data filename.Name `json:"data"`
	}{plain(p), filename.Name(p.Data)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Plan) UnmarshalJSON(text []byte) error {
	type plain Plan
	path := struct{ Data filename.Name }{}
	err := errors.Join(json.Unmarshal(text, (*plain)(p)), json.Unmarshal(text, &path))
	p.Data = string(path.Data)
	return err
}
