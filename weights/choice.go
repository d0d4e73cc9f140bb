// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// The values of [Options.Which].
const (
	Student = "student"
	Teacher = "teacher"
)

// words returns the words of a name: "module.encoder_q." has module, encoder and q.
func words(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '.' || r == '_' })
}

func anyWord(name string, of ...string) bool {
	return slices.ContainsFunc(words(name), func(w string) bool { return slices.Contains(of, w) })
}

// isTeacher reports whether a prefix is that of a network that follows another one: DINO's teacher, MoCo's key encoder,
// BYOL's target.
func isTeacher(prefix string) bool {
	return anyWord(prefix, "teacher", "momentum", "target", "ema", "key", "k")
}

// choose returns the network to import. Without a choice it is the one that was trained; of DINO and its like, which
// call the other one a teacher, it is the teacher, as in their papers.
func choose(found []network, o *Options) (network, error) {
	left := slices.Clone(found)
	if o.Prefix != "" {
		want := strings.TrimSuffix(o.Prefix, ".") + "."
		left = slices.DeleteFunc(left, func(n network) bool { return !strings.HasSuffix("."+n.prefix, "."+want) })
		if len(left) == 0 {
			return network{}, fmt.Errorf("there is no network under the prefix %s: there is one under %s",
				printable.Short(o.Prefix), prefixes(found))
		}
	}
	which := o.Which
	if which == "" && o.Prefix == "" && slices.ContainsFunc(left, func(n network) bool {
		return anyWord(n.prefix, "teacher")
	}) {
		which = Teacher
	}
	chosen := slices.Clone(left)
	switch which {
	case Teacher:
		chosen = slices.DeleteFunc(chosen, func(n network) bool { return !isTeacher(n.prefix) })
	default:
		chosen = slices.DeleteFunc(chosen, func(n network) bool { return isTeacher(n.prefix) })
	}
	if len(chosen) == 0 && o.Which == "" {
		chosen = left
	}
	switch {
	case len(chosen) == 0:
		return network{}, fmt.Errorf("no network of the file is a %s: there is one under %s", which, prefixes(found))
	case len(chosen) > 1:
		return network{}, fmt.Errorf("the file has several networks, under %s: choose one of these prefixes",
			prefixes(chosen))
	}
	return chosen[0], nil
}

func prefixes(found []network) string {
	var all []string
	for _, n := range found {
		all = append(all, printable.Short(n.prefix))
	}
	return strings.Join(all, ", ")
}

// purposes says what a tensor is for by the words of its name, and so why it is left out. The first line with one of
// the words holds.
var purposes = []struct {
	why   string
	words []string
}{
	{"optimiser's state", []string{"optimizer", "optimizers", "optim", "optimizer_states"}},
	{"schedule's state", []string{"scheduler", "schedulers", "scaler"}},
	{"queue of negatives", []string{"queue", "bank"}},
	{"prototypes", []string{"prototype", "prototypes"}},
	{"predictor", []string{"predictor", "predictors", "prediction"}},
	{"projector", []string{"projector", "projectors", "projection"}},
	{"decoder or mask token", []string{"decoder", "mask"}},
	{"head: classifier or projector", []string{"classifier", "classifiers", "head", "heads", "fc", "linear", "logits"}},
	{"state of the loss", []string{"loss", "criterion", "center"}},
	{"state of callbacks or metrics", []string{"callbacks", "metric", "metrics", "loops"}},
}

func purpose(name string) (why string, known bool) {
	for _, p := range purposes {
		if anyWord(name, p.words...) {
			return p.why, true
		}
	}
	return "", false
}

// leftOut says why a tensor outside the chosen network plays no part. ok is false for a tensor of the network that the
// backbone has no place for.
func leftOut(name string, chosen network, found []network) (why string, ok bool) {
	local, within := strings.CutPrefix(name, chosen.prefix)
	if within {
		first, _, _ := strings.Cut(local, ".") // fc, head, projector ...: what follows the features
		if why, ok := purpose(first); ok {
			return why, true
		}
		if chosen.prefix != "" {
			return "", false
		}
	}
	for _, n := range found {
		if n.prefix != chosen.prefix && n.prefix != "" && strings.HasPrefix(name, n.prefix) {
			switch {
			case isTeacher(n.prefix):
				return "teacher: an average of the network", true
			case isTeacher(chosen.prefix):
				return "student, of which the network is an average", true
			}
			return "another network", true
		}
	}
	if why, ok := purpose(name); ok {
		return why, true
	}
	if within {
		return "", false
	}
	return "outside the network", true
}
