// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	clustered "github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/torch"
)

// labData has enough images for every batch, and statistics that need not be measured.
var labData = []pretrain.Setting{
	{Path: "data.path", Value: "synthetic:4096", Source: "test"},
	{Path: "data.size", Value: "32", Source: "test"},
	{Path: "data.mean", Value: "[0.5, 0.5, 0.5]", Source: "test"},
	{Path: "data.std", Value: "[0.2, 0.2, 0.2]", Source: "test"},
}

// Every arm's settings exist for its method with the laboratory's preset. Arms of one experiment and one method resolve
// to different configurations, because a switch that changes nothing would confirm anything.
func TestArmsOfTheLaboratoryResolve(t *testing.T) {
	type resolved struct {
		text string
		err  error
	}
	known := map[string]resolved{}
	config := func(a lab.Arm) (string, error) {
		key := a.Method + " " + strings.Join(a.Set, " ")
		if r, done := known[key]; done {
			return r.text, r.err
		}
		named := pretrain.Setting{Path: "method.name", Value: a.Method, Source: "test"}
		settings := append(slices.Clone(labData), named)
		for _, s := range a.Set {
			path, value, _ := strings.Cut(s, "=")
			path = strings.TrimPrefix(path, clustered.Clustering+".") // the stage that has the arm's method
			settings = append(settings, pretrain.Setting{Path: path, Value: value, Source: "--set"})
		}
		r := resolved{}
		r.text, r.err = func() (string, error) {
			request := &pretrain.Request{Preset: "lab", Settings: settings, Stage: true}
			j, err := pretrain.Resolve(context.Background(), request)
			if err != nil {
				return "", err
			}
			defer j.Source.Close()
			if err := builds(j); err != nil {
				return "", err
			}
			clear(j.Config.Sources) // the same value from elsewhere is the same value
			text, err := j.Config.Encode()
			return string(text), err
		}()
		known[key] = r
		return r.text, r.err
	}
	for _, e := range claims.All {
		if _, err := method.Find(e.Method); err != nil {
			t.Errorf("%s: %v", e.ID, err)
		}
		texts := map[string]string{}
		for _, a := range e.Arms {
			text, err := config(a)
			if err != nil {
				t.Errorf("%s, %q: %v", e.ID, a.Name, err)
				continue
			}
			if a.Length != 0 && a.Length != 1 {
				continue // a longer arm may have the settings of another one
			}
			if same := texts[text]; same != "" {
				t.Errorf("%s: %q and %q come to the same configuration", e.ID, same, a.Name)
			}
			texts[text] = a.Name
		}
	}
}

// builds builds the networks if there is an engine. Only then are widths checked.
func builds(j *pretrain.Job) error {
	err := torch.Scope(func() error {
		params := nn.NewParams(1, torch.F32)
		defer params.Free()
		j.Method.Build(&parallax.Build{Params: params, Backbone: j.Backbone, Size: j.Config.Data.Size,
			Batch: j.Config.Train.Batch, Images: j.Config.Data.Images, Steps: lab.Steps})
		return nil
	})
	if errors.Is(err, torch.ErrNoEngine) {
		return nil
	}
	return err
}
