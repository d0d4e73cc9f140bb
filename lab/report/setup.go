// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/run"
)

// setup returns what the runs have in common, from the configuration of the first run that exists.
func setup(p lab.Plan, dir string, experiments []lab.Experiment) []word {
	data := filepath.Base(p.Data)
	network := ""
	for _, j := range p.Jobs(experiments) {
		file := filepath.Join(dir, j.Dir(), run.ConfigFile)
		text, err := run.ReadConfig(filepath.Join(dir, j.Dir()))
		if err != nil {
			continue
		}
		values, err := config.Values(text, file)
		if err != nil {
			continue
		}
		has := map[string]string{}
		for _, v := range values {
			has[v.Path] = v.Text
		}
		if n, size := has["data.images"], has["data.size"]; n != "" && size != "" {
			data += fmt.Sprintf(": %s images, %s×%s pixels", n, size, size)
		}
		if name := has["backbone.name"]; name != "" {
			network = name
			if width := has["backbone.width"]; width != "" {
				network += ", width " + width
			}
			if batch := has["train.batch"]; batch != "" {
				network += "; batches of " + batch
			}
		}
		break
	}
	facts := []word{{"Data", data}}
	if network != "" {
		facts = append(facts, word{"Network", network})
	}
	runs := len(p.Jobs(experiments))
	facts = append(facts,
		word{"Training", fmt.Sprintf("%d steps a run; arms of another batch size see the same number of images",
			p.Steps)},
		word{"Seeds", fmt.Sprintf("1 to %d; with the same seed, all arms have the same initial weights, order of the "+
			"data and views", p.Seeds)},
		word{"Runs", strconv.Itoa(runs)})
	if len(p.Set) > 0 {
		facts = append(facts, word{"Settings of all arms", strings.Join(p.Set, " ")})
	}
	return facts
}
