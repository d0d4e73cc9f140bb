// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"go.yaml.in/yaml/v3"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
	"github.com/parallax-ssl/parallax/method"
)

// evidenceFile has what this project measured, below the module's root.
const evidenceFile = "docs/evidence.yaml"

// evidence is the content of evidenceFile. A method that is missing has not been measured.
type evidence struct {
	Epochs struct {
		Source    `yaml:",inline"`
		Command   string
		Untrained float64
		Methods   map[string]scores
		Others    []scores
		Again     []again
	}
	Guard struct {
		Source  `yaml:",inline"`
		Command string
		Steps   int
		Methods map[string]alarm
	}
	Clusters struct {
		Source  `yaml:",inline"`
		Command string
		Runs    []clustered
		Premise []premise
	}
	Laboratory []study
}

// Source says when something was measured, and with the settings of which commit.
type Source struct{ Date, Commit string }

func (s Source) String() string { return "on " + s.Date + " at commit " + s.Commit }

// scores are the results of a run of five epochs.
type scores struct {
	Name            string  // of a run that is not a method's own
	With            string  // what the run had beside images
	KNN             float64 `yaml:"knn"`
	Std             float64
	EffectiveRank   float64 `yaml:"effective_rank"`
	MeanCosine      float64 `yaml:"mean_cosine"`
	ImagesPerSecond int     `yaml:"images_per_second"`
}

// again has the kNN accuracies of runs of five epochs with another seed.
type again struct {
	Source `yaml:",inline"`
	Seed   int
	KNN    map[string]float64 `yaml:"knn"`
}

// alarm has the guard's two runs of a method.
type alarm struct {
	Images  int    // of the healthy run
	Without string // settings of the other run, without "method."
	Class   string
	At      float64 // in percent of the planned steps
}

// clustered is the result of parallax cluster. Its stages have ACC, NMI and ARI.
type clustered struct {
	Images, Pretext       string
	Seed                  int
	KMeans                []float64 `yaml:"kmeans"`
	Clustering, SelfLabel []float64
	KNN                   []float64 `yaml:"knn"` // before clustering, after it and after self-labelling
	Kept                  string
}

// premise is what parallax cluster says of a pretext.
type premise struct {
	Images, Pretext        string
	Agreement, Consistency float64
	Good                   bool
}

// study has a laboratory's verdicts.
type study struct {
	Source   `yaml:",inline"`
	Findings string // the file, as parallax lab report --json prints it
	Report   string
	Images   string
	Flags    string   // of parallax lab run
	Revised  []string // claims whose verdicts changed with rules or thresholds that these runs changed

	all []lab.Finding
}

// readEvidence reads evidenceFile and the findings that it names.
func readEvidence(root string) (*evidence, error) {
	text, err := os.ReadFile(filepath.Join(root, evidenceFile))
	if err != nil {
		return nil, err
	}
	var v evidence
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%s: %w", evidenceFile, err)
	}
	for i := range v.Laboratory {
		s := &v.Laboratory[i]
		text, err := os.ReadFile(filepath.Join(root, s.Findings))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &s.all); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Findings, err)
		}
	}
	return &v, nil
}

// epochs returns the table of the runs of five epochs, best first: of all methods, or of those that are named.
func (v *evidence) epochs(named ...string) string {
	var all []*method.Entry
	for i := range method.All {
		e := &method.All[i]
		if _, measured := v.Epochs.Methods[e.Name]; measured && (named == nil || slices.Contains(named, e.Name)) {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b *method.Entry) int {
		return int(1000 * (v.Epochs.Methods[b.Name].KNN - v.Epochs.Methods[a.Name].KNN))
	})
	var b strings.Builder
	head := append([]string{"method"}, columns...)
	for _, a := range v.Epochs.Again {
		head = append(head, fmt.Sprintf("kNN, seed %d", a.Seed))
	}
	full := func(cells ...string) string { // a row with an empty cell for each column that is left
		return row(append(cells, make([]string, len(head)-len(cells))...)...)
	}
	b.WriteString(row(head...) + rule(len(head)))
	b.WriteString(full("untrained network", decimals(v.Epochs.Untrained, 3)))
	for _, e := range all {
		s := v.Epochs.Methods[e.Name]
		name := e.Title
		if s.With != "" {
			name += ", with " + s.With
		}
		cells := append([]string{name}, s.cells()...)
		for _, a := range v.Epochs.Again {
			knn := ""
			if x, measured := a.KNN[e.Name]; measured {
				knn = decimals(x, 3)
			}
			cells = append(cells, knn)
		}
		b.WriteString(row(cells...))
	}
	for _, s := range v.Epochs.Others {
		b.WriteString(full(append([]string{s.Name}, s.cells()...)...))
	}
	fmt.Fprintf(&b, "\nMeasured %s", v.Epochs.Source)
	for _, a := range v.Epochs.Again {
		fmt.Fprintf(&b, ", seed %d %s", a.Seed, a.Source)
	}
	b.WriteString(".\n")
	return b.String()
}

var columns = []string{"kNN", "std", "effective rank", "mean cosine", "images/s"}

func (s scores) cells() []string {
	rate := ""
	if s.ImagesPerSecond > 0 {
		rate = strconv.Itoa(s.ImagesPerSecond)
	}
	return []string{decimals(s.KNN, 3), decimals(s.Std, 2), decimals(s.EffectiveRank, 1),
		decimals(s.MeanCosine, 2), rate}
}

// guard returns the table of the guard's two runs of every method.
func (v *evidence) guard() string {
	var b strings.Builder
	b.WriteString(row("method", "healthy, images", "without (`method.`)", "stopped as, at") + rule(4))
	for _, e := range method.All {
		if a, measured := v.Guard.Methods[e.Name]; measured {
			b.WriteString(row(e.Title, thousands(a.Images), code(a.Without), fmt.Sprintf("%s, %.1f %%", a.Class, a.At)))
		}
	}
	fmt.Fprintf(&b, "\nMeasured %s.\n", v.Guard.Source)
	return b.String()
}

// clusters returns what parallax cluster reached.
func (v *evidence) clusters() string {
	var b strings.Builder
	b.WriteString(row("images", "pretext", "seed", "k-means", "clustering", "self-labelling", "kNN", "kept") + rule(8))
	for _, r := range v.Clusters.Runs {
		cells := []string{r.Images, r.Pretext, strconv.Itoa(r.Seed)}
		var knn []string
		for _, x := range r.KNN {
			knn = append(knn, decimals(x, 3))
		}
		for _, stage := range [][]float64{r.KMeans, r.Clustering, r.SelfLabel} {
			var scores []string
			for _, x := range stage {
				scores = append(scores, decimals(x, 3))
			}
			cells = append(cells, strings.Join(scores, " / "))
		}
		b.WriteString(row(append(cells, strings.Join(knn, " / "), r.Kept)...))
	}
	b.WriteString("\nACC / NMI / ARI of all training images; kNN accuracy of the features before clustering, after " +
		"it and\nafter self-labelling. What `parallax cluster` says beforehand, of these and of weaker pretexts:\n\n")
	b.WriteString(row("images", "pretext", "heads agree", "neighbours kept", "good enough") + rule(5))
	for _, p := range v.Clusters.Premise {
		good := "no"
		if p.Good {
			good = "yes"
		}
		b.WriteString(row(p.Images, p.Pretext, decimals(p.Agreement, 2), decimals(p.Consistency, 2), good))
	}
	fmt.Fprintf(&b, "\nMeasured %s:\n\n    %s\n", v.Clusters.Source, v.Clusters.Command)
	return b.String()
}

// found is the verdict of a study on an experiment.
type found struct {
	lab.Finding
	study      *study
	experiment lab.Experiment
}

// verdicts returns the verdicts on the experiments that concern asks for, in the order of claims.All.
func (v *evidence) verdicts(concerns func(lab.Experiment) bool) []found {
	var all []found
	for _, e := range claims.All {
		if !concerns(e) {
			continue
		}
		for i := range v.Laboratory {
			s := &v.Laboratory[i]
			for _, f := range s.all {
				if f.ID == e.ID && f.Seeds >= lab.LeastSeeds {
					all = append(all, found{f, s, e})
				}
			}
		}
	}
	return all
}

// verdictTable returns a table of verdicts. The links start from a page in a folder at the given way from docs.
func verdictTable(all []found, docs string) string {
	var b strings.Builder
	b.WriteString(row("claim", "question", "published answer", "verdict", "seeds", "effect", "measured") + rule(7))
	for _, f := range all {
		verdict := string(f.Verdict)
		if f.Preliminary {
			verdict += ", preliminary"
		}
		if slices.Contains(f.study.Revised, f.ID) {
			verdict += ", by [rules changed after these runs](" + docs +
				"adr/0021-rules-and-thresholds-have-versions-and-say-why-they-changed.md)"
		}
		seeds, images := f.seeds(), f.study.Images+", "
		if f.experiment.Closed != nil {
			seeds, images = "closed form", ""
		}
		effect := ""
		switch {
		case f.Effect == lab.LargestEffect:
			effect = fmt.Sprintf("%d or more", lab.LargestEffect)
		case f.Effect != 0:
			effect = decimals(f.Effect, 1)
		}
		b.WriteString(row(f.ID, f.experiment.Question, f.experiment.Claim, verdict, seeds, effect, fmt.Sprintf(
			"%s[%s](%s)", images, f.study.Date, docs+strings.TrimPrefix(f.study.Report, "docs/"))))
	}
	return b.String()
}

// seeds says what the seeds of a finding say.
func (f found) seeds() string {
	var parts []string
	for _, p := range []struct {
		count int
		what  string
	}{{f.Agree, "agree"}, {f.Oppose, "oppose"}, {f.Seeds - f.Agree - f.Oppose, "unclear"}} {
		if p.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.count, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// labCommands returns the commands that repeat the experiments: one for each study and number of seeds.
func labCommands(all []found) string {
	var commands, ids []string
	for _, f := range all {
		flags := f.study.Flags
		if f.Seeds != lab.FullSeeds {
			flags += fmt.Sprintf(" --seeds %d", f.Seeds)
		}
		i := slices.Index(commands, flags)
		if i < 0 {
			i = len(commands)
			commands, ids = append(commands, flags), append(ids, "")
		}
		ids[i] += " " + f.ID
	}
	var b strings.Builder
	for i, flags := range commands {
		fmt.Fprintf(&b, "    parallax lab run%s %s\n", ids[i], flags)
	}
	return b.String()
}

// reviewed are the methods of the review, as far as they run on their own.
var reviewed = []string{"mocov1", "simclr", "mocov2", "byol", "swav", "wmse", "simsiam", "mocov2plus", "barlowtwins",
	"paws", "nnclr", "vicreg", "ressl"}

// allVerdicts returns the table of all verdicts, for docs/lab.md.
func (v *evidence) allVerdicts() string {
	return verdictTable(v.verdicts(func(lab.Experiment) bool { return true }), "")
}

// measured returns the last section of a method's page.
func (v *evidence) measured(e method.Entry) string {
	var b strings.Builder
	b.WriteString("All of this is on CIFAR-10. [The numbers](../numbers.md) have the networks, the machine and the " +
		"other methods.\n[The laboratory](../lab.md) has the rules of the verdicts. The scripts run in a checkout.\n")
	if s, ok := v.Epochs.Methods[e.Name]; ok {
		with := ""
		if s.With != "" {
			with = ", with " + s.With
		}
		fmt.Fprintf(&b, "\n**Five epochs**%s, one seed, %s. The untrained network's kNN accuracy is %s.\n\n", with,
			v.Epochs.Source, decimals(v.Epochs.Untrained, 3))
		b.WriteString(row(columns...) + rule(len(columns)) + row(s.cells()...))
		fmt.Fprintf(&b, "\n    %s %s\n", v.Epochs.Command, e.Name)
	}
	if a, ok := v.Guard.Methods[e.Name]; ok {
		var without []string
		for _, setting := range strings.Fields(a.Without) {
			without = append(without, code("method."+setting))
		}
		fewer := ""
		if a.Images < allImages {
			fewer = fmt.Sprintf(" (the command's has %s)", thousands(allImages))
		}
		fmt.Fprintf(&b, "\n**The guard**, one seed, %s. The healthy run, 10 epochs of %s images%s, raised no alarm.\n"+
			"The run with %s\nwas stopped as %s at %.1f %% of its %s steps.\n", v.Guard.Source, thousands(a.Images),
			fewer, strings.Join(without, ", "), a.Class, a.At, thousands(v.Guard.Steps))
		fmt.Fprintf(&b, "\n    %s %s\n", v.Guard.Command, e.Name)
	}
	if e.Name == "scan" {
		b.WriteString("\n**Clusters**, 10 of them.\n\n" + v.clusters())
	}
	b.WriteString(v.claims(e))
	return b.String()
}

// claims returns the verdicts that concern a method, and the claims about it that have none.
func (v *evidence) claims(e method.Entry) string {
	var b strings.Builder
	all := v.verdicts(func(x lab.Experiment) bool {
		return x.Method == e.Name || slices.ContainsFunc(x.Arms, func(a lab.Arm) bool { return a.Method == e.Name })
	})
	if len(all) > 0 {
		b.WriteString("\n**Claims** about this method, and others that train it. An effect is in pooled standard " +
			"deviations.\n\n" + verdictTable(all, "../") + "\n" + labCommands(all))
	}
	var open []string
	var untestable []lab.Experiment
	for _, x := range claims.All {
		switch {
		case x.Method != e.Name || slices.ContainsFunc(all, func(f found) bool { return f.ID == x.ID }):
		case x.Untestable != "":
			untestable = append(untestable, x)
		default:
			open = append(open, x.ID)
		}
	}
	if len(open) > 0 {
		fmt.Fprintf(&b, "\nClaims without a published verdict:\n\n    parallax lab run %s --data cifar10.tar.gz\n",
			strings.Join(open, " "))
	}
	if len(untestable) > 0 {
		b.WriteString("\nClaims that cannot be tested here:\n\n" +
			row("claim", "question", "published answer", "why not") + rule(4))
	}
	for _, x := range untestable {
		b.WriteString(row(x.ID, x.Question, x.Claim, x.Untestable))
	}
	return b.String()
}

// allImages is the number of CIFAR-10's training images.
const allImages = 50_000

func decimals(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// thousands writes 50,000.
func thousands(n int) string { return humanize.Comma(int64(n)) }
