// SPDX-License-Identifier: Apache-2.0

// Command pretrain trains a small encoder with SimCLR on synthetic images. Settings that it does not give come from
// SimCLR's paper, from a preset for such images and from the machine. config.yaml in the run directory names the source
// of every value.
//
//	go run ./examples/pretrain
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

func main() {
	if err := train(context.Background(), "runs/example", 60); err != nil {
		fmt.Fprintln(os.Stderr, "pretrain: "+err.Error())
		os.Exit(1)
	}
}

// train makes a run of the given number of steps in a new run directory.
func train(ctx context.Context, dir string, steps int) error {
	request := &pretrain.Request{Preset: "tiny-cpu", Settings: []pretrain.Setting{
		pretrain.Set("method.name", "simclr"),
		pretrain.Set("data.path", "synthetic:2048"), pretrain.Set("data.size", 16), // or a folder of images
		pretrain.Set("backbone.width", 8), pretrain.Set("train.batch", 64),
		pretrain.Set("train.max_steps", steps), pretrain.Set("train.eval_every", 20),
	}}
	result, err := pretrain.Run(ctx, request, pretrain.Options{Out: dir, Watch: []func(run.Event){show}})
	if err != nil {
		return err
	}
	fmt.Printf("%d steps: %s is in %s\n", result.Steps, run.EncoderFile, result.Dir)
	return nil
}

// show prints the result of an evaluation: the accuracy of nearest neighbours, and how many directions the features
// fill.
func show(e run.Event) {
	if m := e.Metrics; e.Event == run.Eval && e.Of == run.OfBackbone && m[run.KNN].Known {
		fmt.Printf("step %3d  kNN %.1f %%  effective rank %.1f\n",
			e.Step, 100*m[run.KNN].Value, m[run.EffectiveRank].Value)
	}
}
