// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// settings is the configuration of every method's plain run. Every step is logged, and there is an evaluation in the
// middle and one at the end. An epoch has 6 steps, so that 12 steps include what methods do between epochs.
const settings = `data: {path: "synthetic:96", size: 16}
backbone: {width: 4}
train: {batch: 16, max_steps: 12, threads: 1, workers: 1, log_every: 1, precision: float32,
  eval_every: 6, save_every: 12, keep: 1}
probe: {limit: 32}
`

// brief is the configuration of the other cases: a smaller network, and no guard.
const brief = `data: {path: "synthetic:96", size: 16}
backbone: {name: resnet8, width: 4}
train: {batch: 16, max_steps: 12, threads: 1, workers: 1, log_every: 1, precision: float32,
  eval_every: 12, save_every: 12, keep: 1, on_collapse: off}
probe: {limit: 32}
`

// A testCase is one run: a method and the parts of the command line that differ from the other cases.
type testCase struct {
	name   string   // the method and, after a slash, the difference
	sets   []string // --set
	flags  []string // further arguments
	stages bool     // run parallax cluster
	status int      // the expected exit status
}

// method is the first part of the name.
func (c testCase) method() string { return strings.SplitN(c.name, "/", 2)[0] }

// arguments is the command line, for a folder with the settings.
func (c testCase) arguments() []string {
	if c.stages {
		return []string{"cluster", "--config", "settings.yaml", "--preset", "tiny-cpu", "--data", "synthetic:300",
			"--classes", "7", "--set", "clustering.method.heads=3", "--set",
			"selflabel.method.threshold=0.2", "--out", "run"}
	}
	config := "settings.yaml"
	if len(c.sets) > 0 {
		config = "brief.yaml"
	}
	a := []string{"pretrain", "--config", config, "--preset", "tiny-cpu", "--method", c.method(), "--out", "run"}
	for _, set := range c.sets {
		a = append(a, "--set", set)
	}
	return append(a, c.flags...)
}

// switches are settings that the plain runs do not touch. Each is written as method: key=value ..., without the
// "method." before the key, or with a dot before the key of another section.
var switches = []string{
	"mocov1: queue=40 symmetric=true",
	"simclr: negatives=false",
	"simclr: shared_weights=false",
	"simclr: view_count=3",
	"mocov2: queue=40",
	"mocov2: negatives=false",
	"mocov2: queue=40 groups=2",
	"mocov2: queue=40 shuffle_groups=2 measure_leak=true",
	"mocov2: view_count=3",
	"supcon: form=in",
	"supcon: negatives=false",
	"byol: target_mode=gradient",
	"byol: target_mode=fixed",
	"byol: predictor_mode=none",
	"byol: predictor_mode=fixed",
	"byol: predictor_form=linear",
	"byol: predictor_form=symmetric",
	"byol: predictor_form=symmetric_mlp predictor.batch_norm=false",
	"byol: predictor_form=direct",
	"byol: predictor_form=direct direct.constant=0.01 direct.every=2 direct.centred=true direct.rho=0.5 " +
		"encoder_decay=false",
	"byol: predictor_form=direct direct.isotropic=true",
	"byol: predictor_rate_factor=10 projector_rate_factor=0.5 target_momentum=0 final_target_momentum=0",
	"byol: symmetric=false",
	"byol: view_count=3",
	"byol: projector.norm=layer predictor.norm=tuned",
	"swav: sinkhorn=false",
	"swav: codes=hard sinkhorn_iterations=5",
	"swav: queue=32 queue_from=0 freeze_epochs=0 freeze_steps=2",
	"swav: small_crops=2 small_size=8",
	"deepclusterv2: small_crops=1 small_size=8 heads=2 prototypes=8",
	"wmse: whitening=false",
	"wmse: iterations=2 slice=8 projector.widths=[64,6] view_count=4",
	"wmse: distance=euclidean",
	"simsiam: predictor_mode=none",
	"simsiam: predictor_mode=fixed",
	"simsiam: predictor_form=bias",
	"simsiam: predictor_rate=scheduled",
	"simsiam: stop_gradient=false",
	"simsiam: target_every=5",
	"simsiam: symmetric=false",
	"simsiam: similarity=cross_entropy",
	"simsiam: variance=1 covariance=0.01 predictor_mode=none",
	"simsiam: view_count=3",
	"barlowtwins: stop_gradient=true predictor_mode=trained predictor.widths=[128,512]",
	"barlowtwins: predictor_mode=fixed predictor.widths=[128,512]",
	"barlowtwins: shared_weights=false",
	"barlowtwins: lambda=0 deviation=unbiased centring=false",
	"barlowtwins: view_count=3",
	"mocov3: negatives=false predictor_mode=none",
	"mocov3: symmetric=false .backbone.name=vit_tiny .backbone.width=24",
	"paws: predictor_mode=trained predictor.widths=[64,128] small_crops=2",
	"paws: me_max=0 sharpen=1 symmetric=false support_classes=5 support_views=2",
	"dino: sharpening=false",
	"dino: centring=false freeze_epochs=1",
	"dino: target_every=3 target_momentum=0 final_target_momentum=0",
	"dino: small_crops=2 small_size=8",
	"nnclr: queue=40 enqueue_all=true",
	"nnclr: neighbour=false predictor_mode=none negatives=false",
	"nnbyol: queue=40 predictor_mode=none",
	"nnbyol: neighbour=false symmetric=false",
	"nnsiam: queue=40 predictor_rate=scheduled",
	"nnsiam: neighbour=false predictor_mode=fixed",
	"vicreg: hinge=variance form=paper .optim.base_rate=0.001",
	"vicreg: shared_weights=false",
	"vicreg: view_count=3 covariance=0",
	"ressl: queue=40 weak=false",
	"ressl: queue=40 shuffle_groups=2 view_count=3",
	"vibcreg: iter_norm=false normalized_covariance=false .optim.base_rate=0.001",
	"vibcreg: hinge=variance iter_norm_groups=128 iter_norm_steps=3",
	"dcl: symmetric=false",
	"dcl: negatives=false",
	"dclw: weight_gradient=true",
	"directclr: candidates=other",
	"directclr: negatives=false dimensions=16",
	"tico: symmetric=true covariance_gradient=false",
	"tico: view_count=3",
	"lejepa: small_crops=2 small_size=8 domain=3 knots=33",
	// The loop, the probe and the guard.
	"simclr: .train.accumulate=2 .optim.name=lars .optim.clip_grad=1 .optim.exclude_bias_and_norm=true " +
		".optim.warmup_steps=3",
	"vicreg: .probe.detail=true .train.eval_early=true .train.eval_every=6 .optim.name=adamw .optim.base_rate=0.001 " +
		".optim.final_weight_decay=0.1",
	"simsiam: .train.on_collapse=warn .backbone.name=resnet18 .backbone.norm=group .backbone.zero_init=true",
}

// everyMethod lists the methods that pretrain alone.
var everyMethod = strings.Fields(`mocov1 simclr mocov2 supcon byol swav deepclusterv2 wmse simsiam mocov2plus barlowtwins
	mocov3 paws dino nnclr nnbyol nnsiam vicreg ressl vibcreg dcl dclw directclr tico lejepa`)

// changes are the cases, or the methods with all their cases, whose training has changed on purpose since base:
// CHANGELOG.md says how. They can be compared with a record made since (scripts/golden --record CASE), not with base.
var changes = strings.Fields("scan paws")

// changed reports whether the case of that name is one of the changes.
func changed(name string) bool {
	method, _, _ := strings.Cut(name, "/")
	return slices.Contains(changes, name) || slices.Contains(changes, method)
}

// cases lists all runs.
func cases() []testCase {
	var all []testCase
	for _, method := range everyMethod {
		all = append(all, testCase{name: method})
	}
	all = append(all, testCase{name: "scan", stages: true})
	for _, line := range switches {
		method, list, _ := strings.Cut(line, ": ")
		c := testCase{name: method + "/" + strings.ReplaceAll(list, " ", "+")}
		for _, set := range strings.Fields(list) {
			if rest, ok := strings.CutPrefix(set, "."); ok {
				c.sets = append(c.sets, rest)
			} else {
				c.sets = append(c.sets, "method."+set)
			}
		}
		all = append(all, c)
	}
	const collapses = "method.predictor_mode=none method.target_momentum=0.9 optim.base_rate=1 " +
		"backbone.name=resnet18 train.max_steps=80 train.log_every=5 train.eval_every=40 train.save_every=20"
	for _, answer := range []string{"stop", "rewind"} {
		all = append(all, testCase{name: "byol/collapses+" + answer, sets: strings.Fields(collapses),
			flags: []string{"--on-collapse", answer}, status: 3})
	}
	return all
}

// choose returns the cases of the given names or methods; all when there is none.
func choose(names []string) ([]testCase, error) {
	all := cases()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []testCase
	for _, name := range names {
		before := len(chosen)
		for _, c := range all {
			if c.name == name || c.method() == name || c.stages && name == "scan-selflabel" {
				chosen = append(chosen, c)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("there is no case or method %q", name)
		}
	}
	return slices.CompactFunc(chosen, func(a, b testCase) bool { return a.name == b.name }), nil
}
