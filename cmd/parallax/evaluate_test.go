// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/parallax-ssl/parallax/eval/report"
	"github.com/parallax-ssl/parallax/run"
)

// agrees FILE RUN OF: the kNN accuracies in the JSON of eval knn equal those of the run. The accuracies of the
// untrained network are those of the first evaluation, and those of the trained one are those of the last.
func agrees(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: agrees FILE RUN OF")
	}
	var read report.Report
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &read))
	var said []float64
	for e, err := range run.ReadEvents(strings.NewReader(ts.ReadFile(args[1] + "/" + run.MetricsFile))) {
		ts.Check(err)
		if e.Event == run.Eval && e.Probe != run.GuardProbe && e.Of == args[2] {
			said = append(said, e.Metrics[run.KNN].Value)
		}
	}
	want := map[string]float64{"untrained": said[0], "trained": said[len(said)-1]}
	got := map[string]float64{}
	for _, n := range read.Networks {
		for _, s := range n.KNN {
			if s.Headline {
				got[n.Network] = s.Top1.Value
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		ts.Fatalf("eval knn says %v, the run %v", got, want)
	}
}

// during FILE PATTERN ARGUMENTS... -- COMMAND...: parallax runs with the arguments; once the file matches the pattern,
// the command runs beside it and succeeds. Then parallax is stopped.
func during(ts *testscript.TestScript, neg bool, args []string) {
	at := slices.Index(args, "--")
	if neg || at < 3 || at+1 >= len(args) {
		ts.Fatalf("usage: during FILE PATTERN ARGUMENTS... -- COMMAND...")
	}
	p := begin(ts, args[0], args[1], args[2:at])
	defer func() {
		p.Process.Signal(syscall.SIGTERM)
		<-p.done
	}()
	ts.Check(ts.Exec(args[at+1], args[at+2:]...))
}
