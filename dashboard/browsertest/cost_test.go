// SPDX-License-Identifier: Apache-2.0

package browsertest

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// BenchmarkBeside measures what the dashboard costs a training: the time of the processor that it takes, as a share of
// one core, while a page follows a run for a minute. The page asks for the curves after each message, as the real one
// does.
func BenchmarkBeside(b *testing.B) {
	if _, err := os.Stat(program); err != nil {
		b.Skipf("no %s: make build", program)
	}
	const minute = time.Minute
	for b.Loop() {
		s := &stage{top: b.TempDir()}
		training := pretrain(b, s.dir("run"), 100_000, "--report=false")
		training.until(b, s.dir("run"), 2)
		stop := s.dashboard(b)
		data := ask[table](b, s.url+"/api/runs")
		id := data.find(b, "run").ID
		before := stepsDone(b, s.dir("run"))
		messages, asked := follow(b, s.url, id, minute)
		steps := stepsDone(b, s.dir("run")) - before
		took := stop()
		training.signal(b, os.Kill)
		<-training.done
		b.ReportMetric(100*took.Seconds()/minute.Seconds(), "%core")
		b.ReportMetric(float64(messages), "messages")
		b.ReportMetric(float64(asked), "curves")
		b.ReportMetric(float64(steps), "steps")
	}
}

// follow follows a run for some time. It returns how many messages came, and how many times it asked for curves.
func follow(b *testing.B, url, id string, long time.Duration) (messages, asked int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), long)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/api/live?run="+id, nil)
	if err != nil {
		b.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Body.Close()
	lines := bufio.NewScanner(a.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if lines.Text() == "event: run" {
			messages++
			tags := []string{}
			for _, tag := range ask[struct{ Progress struct{ Tags []string } }](b, url+"/api/runs/"+id).Progress.Tags {
				tags = append(tags, "tag="+tag)
			}
			ask[map[string]any](b, fmt.Sprintf("%s/api/runs/%s/curves?%s", url, id,
				strings.Join(tags[:min(48, len(tags))], "&")))
			asked++
		}
	}
	return messages, asked
}
