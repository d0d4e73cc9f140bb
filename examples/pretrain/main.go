// SPDX-License-Identifier: Apache-2.0

// Command pretrain trains a small encoder by SimCLR on synthetic images. What it does not set follows from SimCLR's paper, a
// preset for such images, and the machine; config.yaml in the run directory names the source of every value.
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

// train makes a run of some steps in a new run directory.
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

// show prints what an evaluation has found: the accuracy of nearest neighbours, and in how many directions features lie.
func show(e run.Event) {
	if e.Event == run.Eval && e.Of == run.OfBackbone && e.Metrics[run.KNN].Known {
		fmt.Printf("step %3d  kNN %.1f %%  effective rank %.1f\n", e.Step, 100*e.Metrics[run.KNN].Value, e.Metrics[run.EffectiveRank].Value)
	}
}
