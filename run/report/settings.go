// SPDX-License-Identifier: Apache-2.0

package report

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/shell"
	"github.com/parallax-ssl/parallax/run"
)

// A setting is a value of the config.
type setting struct{ Path, Value, Source string }

// mostSettings is how many settings are listed.
const mostSettings = 1000

// settings returns those that somebody chose, and all.
func settings(values []config.Value) (chosen, all []setting) {
	for _, v := range values[:min(len(values), mostSettings)] {
		s := setting{shown(v.Path, 120), shown(v.Text, 200), shown(v.Source, 120)}
		if all = append(all, s); isChosen(v.Source) {
			chosen = append(chosen, s)
		}
	}
	return chosen, all
}

// derived are the beginnings of the sources of values that nobody chose: defaults, the paper's, what was found, and
// what follows from other values.
var derived = []string{"default", "paper", "detected", "known for ", "measured", "by ", "as ", "the ", "one ",
	"base_rate ",
	"planned "}

func isChosen(source string) bool {
	return source != "" && !slices.ContainsFunc(derived, func(d string) bool { return strings.HasPrefix(source, d) })
}

// A command is what a reader can type next.
type command struct{ Why, Line string }

// commandLine writes a command that can be shown.
func commandLine(args ...string) string { return shown(shell.Command(args), 4000) }

// commands returns how to repeat the run, and what to do with it.
func commands(s *story) (again, next []command) {
	dir := s.dir
	if s.config != nil {
		again = append(again,
			command{"Exactly: the same settings, seed and number of steps. On the same kind of processor " +
				"and with the same number of threads the numbers are the same.",
				commandLine("pretrain", "--config", filepath.Join(dir, run.ConfigFile), "--out", dir+"-again")})
		if typed := asTyped(s.settings); len(typed) > 1 {
			again = append(again, command{"From its flags: whatever they leave open is chosen for the machine at hand.",
				commandLine(typed...)})
		}
	}
	data := s.value["data.path"]
	if data == "" {
		data = "photos"
	}
	return again, []command{
		{"Train on, here to twice the length.", commandLine(append([]string{"pretrain", "--resume", dir},
			s.longer()...)...)},
		{"Measure the encoder.", commandLine("eval", "knn", "--run", dir)},
		{"Compute embeddings.", commandLine("embed", "--run", dir, "--data", data, "--out", "embeddings.parquet")},
		{"Write the encoder for other programs.", commandLine("export", "--run", dir, "--out", "encoder.onnx")},
		{"Answer requests with embeddings.", commandLine("serve", "--run", dir)},
		{"Look at it closely.", commandLine("dashboard", dir)},
	}
}

// longer are the flags of a run that is twice as long.
func (s *story) longer() []string {
	for _, f := range []struct{ flag, path string }{{"--max-steps", "train.max_steps"}, {"--epochs", "train.epochs"}} {
		if n, err := strconv.Atoi(s.value[f.path]); err == nil && n > 0 && n < config.MaxSteps/2 {
			return []string{f.flag, strconv.Itoa(2 * n)}
		}
	}
	return nil
}

// asTyped rebuilds the command line from the sources of the settings.
func asTyped(values []config.Value) []string {
	args := []string{"pretrain"}
	once := map[string]bool{}
	for _, v := range values {
		flag, isFlag := strings.CutPrefix(v.Source, "flag ")
		preset, isPreset := strings.CutPrefix(v.Source, "preset ")
		minutes, isMinutes := strings.CutPrefix(v.Source, "--minutes ")
		switch {
		case isFlag && strings.HasPrefix(flag, "--") && !strings.HasPrefix(v.Text, "["):
			args = append(args, flag, v.Text)
		case isFlag || v.Source == "--set":
			args = append(args, "--set", v.Path+"="+v.Text)
		case isPreset && !strings.Contains(preset, " ") && !once["preset"]:
			once["preset"] = true
			args = append(args, "--preset", preset)
		case isMinutes && !once["minutes"]:
			once["minutes"] = true
			args = append(args, "--minutes", minutes)
		case isChosen(v.Source) && !isPreset && !isMinutes && !once["file"]:
			once["file"] = true
			args = append(args, "--config", v.Source)
		}
	}
	return args
}
