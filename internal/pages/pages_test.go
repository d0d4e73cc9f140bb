// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax/internal/place"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

// The pages agree with the code, and have no wrong statements.
func TestPages(t *testing.T) {
	root, err := place.Module()
	if err != nil {
		t.Fatal(err)
	}
	all, err := read(root)
	if err != nil {
		t.Fatal(err)
	}
	missing := torch.Load()
	g := generator{root: root, engine: missing == nil}
	if g.evidence, err = readEvidence(root); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		text, err := g.fill(p)
		if err != nil {
			t.Error(err)
		} else if d := cmp.Diff(p.text, text); d != "" {
			t.Errorf("%s is stale: refresh it with \"make pages\" (-it is, +the code says)\n%s", p.path, d)
		}
	}
	for _, err := range mistakes(all) {
		t.Error(err)
	}
	if missing != nil {
		t.Skipf("the blocks gradient and table were not checked: %v", missing)
	}
}

// A step gives the same facts twice.
func TestFactsAreDeterministic(t *testing.T) {
	if err := torch.Load(); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"deepclusterv2", "dino", "mocov2plus", "paws", "simsiam"} {
		e, err := method.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		var texts [2]string
		for i := range texts {
			f, err := (&generator{}).facts(e)
			if err != nil {
				t.Fatal(err)
			}
			texts[i] = f.gradients()
		}
		if texts[0] != texts[1] {
			t.Errorf("%s: %s", name, cmp.Diff(texts[0], texts[1]))
		}
	}
}

// The known facts of these methods are found.
func TestFacts(t *testing.T) {
	if err := torch.Load(); err != nil {
		t.Skip(err)
	}
	for name, want := range map[string]string{
		"byol": "backbone:the optimiser projector:the optimiser predictor:the optimiser " +
			"target.backbone:`Update`, after the optimiser's step target.projector:`Update`, after the optimiser's step held 2 of 4",
		"simsiam": "backbone:the optimiser projector:the optimiser predictor:the optimiser, at a constant rate " +
			"held 2 of 4",
		"swav": "backbone:the optimiser projector:the optimiser " +
			"prototypes:the optimiser, but not in the first epochs; `Update`, after the optimiser's step held 2 of 4",
		"barlowtwins": "backbone:the optimiser projector:the optimiser held 0 of 2",
	} {
		e, err := method.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := (&generator{}).facts(e)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, p := range f.parts {
			if p.gradient != strings.HasPrefix(p.movedBy(), byOptimiser) {
				t.Errorf("%s: %s: a gradient: %v, moved by %s", name, p.name, p.gradient, p.movedBy())
			}
			fmt.Fprintf(&got, "%s:%s ", p.name, p.movedBy())
		}
		fmt.Fprintf(&got, "held %d of %d", f.held, f.all)
		if got.String() != want {
			t.Errorf("%s: %s, want %s", name, got.String(), want)
		}
	}
}

func ofSimCLR(t *testing.T, text string) page {
	t.Helper()
	e, err := method.Find("simclr")
	if err != nil {
		t.Fatal(err)
	}
	return page{path: "simclr.md", text: text, entry: &e,
		blocks: []string{"summary", "gradient", "settings", "measured"}}
}

const blocks = "<!-- generated: summary -->\n<!-- end -->\n<!-- generated: gradient -->\nold\n<!-- end -->\n" +
	"<!-- generated: settings -->\nold\n<!-- end -->\n<!-- generated: measured -->\n<!-- end -->\n"

func TestFill(t *testing.T) {
	g := generator{evidence: &evidence{}}
	g.evidence.Epochs.Methods = map[string]scores{"simclr": {KNN: 0.4}}
	g.evidence.Guard.Methods = map[string]alarm{
		"simclr": {Images: 50_000, Without: "negatives=false", Class: "COMPLETE", At: 5},
	}
	g.evidence.Laboratory = []study{{Images: "CIFAR-10", Report: "docs/lab/a.html", Flags: "--data a"}}
	g.evidence.Laboratory[0].all = []lab.Finding{
		{ID: "CLR-04", Verdict: lab.Confirmed, Seeds: 5, Agree: 4, Effect: 35.25},
		{ID: "JNG-03", Verdict: lab.Confirmed, Seeds: 2, Agree: 2, Preliminary: true},
		{ID: "CLR-01", Verdict: lab.Inconclusive, Seeds: 1, Preliminary: true},
	}
	text, err := g.fill(ofSimCLR(t, "a\n"+blocks+"b\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a\n<!-- generated: summary -->\nChen, Kornblith", "[arXiv:2002.05709](https://arxiv.org/abs/2002.05709)",
		"First public in 2020-02.",
		"Collapse is prevented by negatives", "\n    parallax pretrain --data photos --method simclr\n",
		"\nSettings that remove the prevention:\n\n- `method.negatives=false`: ",
		"<!-- generated: gradient -->\nold\n<!-- end -->\n", // without the engine
		"| `method.temperature` | τ; ", "| `0.1` |", "<!-- end -->\nb\n",
		"| 0.400 | 0.00 |", "10 epochs of 50,000 images", "with `method.negatives=false`\nwas stopped as COMPLETE at 5.0 %",
		" | confirmed | 4 agree, 1 unclear | 35.2 | CIFAR-10, [](../lab/a.html) |\n",
		"| confirmed, preliminary | closed form |",
		"\n    parallax lab run CLR-04 --data a\n    parallax lab run JNG-03 --data a --seeds 2\n",
		"without a published verdict:\n\n    parallax lab run CLR-01 CLR-02 CLR-03 CLR-05 ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if again, err := g.fill(ofSimCLR(t, text)); err != nil || again != text {
		t.Errorf("filled once more, the page changes: %v", err)
	}
	for wrong, because := range map[string]string{
		strings.Replace(blocks, "<!-- end -->\n", "", 1):       "has no line <!-- end -->",
		strings.TrimSuffix(blocks, "<!-- end -->\n"):           "has no line <!-- end -->",
		strings.Replace(blocks, "gradient", "gradients", 1):    "there is no block gradients here",
		strings.Replace(blocks, "<!-- generated: set", "x", 1): "has the blocks",
		"": "has the blocks",
	} {
		if _, err := g.fill(ofSimCLR(t, wrong)); err == nil || !strings.Contains(err.Error(), because) {
			t.Errorf("%q: %v, want an error with %q", wrong, err, because)
		}
	}
}

func TestCheckHeadings(t *testing.T) {
	page := "# SimCLR\n## " + strings.Join(headings, "\n## ") + "\n"
	for text, ok := range map[string]bool{
		page: true,
		strings.Replace(page, "## "+optional+"\n", "", 1):     true,
		strings.Replace(page, "## Settings\n", "", 1):         false,
		strings.Replace(page, "## The loss", "## Loss", 1):    false,
		strings.Replace(page, "# SimCLR\n", "# SimCLR v2", 1): false,
		page + "## More\n":                    false,
		page + "```\n## in a block\n```\n":    true,
		strings.Replace(page, "#", "```#", 1): false,
	} {
		if err := checkHeadings(ofSimCLR(t, text)); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCheckSettings(t *testing.T) {
	for line, because := range map[string]string{
		"`method.temperature` and `--set method.negatives=false`, `augment.color_jitter.p=0`, `backbone.norm=none`.": "",
		"`augment.1.random_resized_crop.scale=[0.2, 1]`, `method.projector`, (method.projector.widths=[64, 32])":     "",
		"[`method/simclr.go`](../../method/simclr.go), the method. A sentence; method.go; nn/method.x":               "",
		"`--method byol --set method.target_momentum=0`":                                                             "",
		"parallax cluster --data x --classes 10 --set clustering.method.entropy_weight=0 " +
			"--set selflabel.method.threshold=0.5": "",
		"parallax pretrain --data x --method simclr --preset cifar --set method.view_count=3": "",
		"`method.temprature`":                                    "did you mean method.temperature?",
		"`--set method.negatives=fals`":                          "true or false",
		"`method.target_momentum=0`":                             "method.target_momentum",
		"`augment.equalize.p=0.2`":                               "equalize",
		"`optim.rat=1`":                                          "did you mean",
		"`--method simcl`":                                       "unknown method",
		"`--preset imagnet`":                                     "unknown preset",
		"`--backbone resnet19`":                                  "unknown backbone",
		"`clustering.method.temperature=1`":                      "method.temperature",
		"parallax pretrain --data x --set method.temperature=-1": "method.temperature",
		"parallax pretrain --data x \\\n  --method byol --set method.target_momentum=7": "method.target_momentum",
	} {
		wrong := checkSettings(ofSimCLR(t, "first\n"+line))
		switch {
		case because == "" && len(wrong) > 0:
			t.Errorf("%q: %v", line, wrong)
		case because != "" && (len(wrong) == 0 || !strings.Contains(wrong[0].Error(), because) ||
			!strings.HasPrefix(wrong[0].Error(), "simclr.md:2: ")):
			t.Errorf("%q: %v, want an error of line 2 with %q", line, wrong, because)
		}
	}
	// The overview is about methods in general.
	at := page{path: "README.md"}
	for line, ok := range map[string]bool{"`method.negatives=false`": true, "`method.sinkhorn`": true, "`method.nonsense`": false} {
		at.text = line
		if wrong := checkSettings(at); (len(wrong) == 0) != ok {
			t.Errorf("%q: %v", line, wrong)
		}
	}
}
