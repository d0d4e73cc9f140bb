// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"github.com/parallax-ssl/parallax/internal/terms"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/run"
)

// A word is a term of the report and its meaning.
type word struct{ Term, Meaning string }

// subjects says what metrics are measured on.
var subjects = map[string]string{
	run.OfBackbone: "of features h", run.OfEmbedding: "of embeddings z", run.OfPrediction: "of the predictor",
	run.OfTarget: "of the target's embeddings z′", run.OfAssignments: "", "steps": "", "terms": "",
	"pretext": "before clustering", "clustering": "after clustering",
}

// title returns the metric in words: "mean cosine of embeddings z".
func title(m lab.Metric) string {
	name := quantity(m)
	text := strings.ReplaceAll(name, "_", " ")
	if q, known := terms.Quantities[name]; known {
		text = q.Term
	}
	switch subject, known := subjects[m.Of()]; {
	case m.Name() == "":
		return text
	case m == lab.PretextAccuracy, m == lab.BNLeak:
		return text
	case m.Of() == "terms":
		return "the loss's term " + text
	case known:
		return strings.TrimSpace(text + " " + subject)
	}
	return text + " of " + m.Of()
}

// quantity returns the metric's name without what it is measured on.
func quantity(m lab.Metric) string {
	if m.Name() == "" {
		return string(m)
	}
	return m.Name()
}

// verdictLook says how a verdict is shown. It has a sign, so that verdicts can be told apart without colour.
type verdictLook struct {
	Verdict lab.Verdict
	Class   string // in the style sheet
	Sign    string
	Meaning string
}

var verdictLooks = []verdictLook{
	{lab.Confirmed, "yes", "✓", "The control is healthy, at least four of five seeds show what the claim says, and " +
		"the difference is at least three pooled standard deviations if the rule requires one. Runs five times as " +
		"long decide what short runs leave open without opposing it."},
	{lab.Refuted, "no", "✗", "At least four of five seeds show the opposite, at two lengths of training."},
	{lab.NotReproduced, "differs", "≠", "At least four of five seeds show the opposite, at one length of training. A " +
		"claim that holds at full size need not hold on a small network and in a short run."},
	{lab.Inconclusive, "open", "?", "Seeds disagree or are unclear, the control itself failed, the difference is " +
		"small, or there are too few seeds."},
	{lab.NotTestable, "none", "–", "The claim cannot be tested here."},
}

func lookOf(v lab.Verdict) verdictLook {
	for _, l := range verdictLooks {
		if l.Verdict == v {
			return l
		}
	}
	return verdictLook{Verdict: v, Class: "open", Sign: "?"}
}
