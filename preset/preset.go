// SPDX-License-Identifier: Apache-2.0

// Package preset holds settings that go together: an optimiser, its rate, head widths and a length that suit an image
// size and a machine. A preset is plain data, one YAML file of config paths per preset, each section with its source.
package preset

import (
	"embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var files embed.FS

// A Setting is one value of the configuration, by its path, as YAML text.
type Setting struct{ Path, Value string }

// Names lists the presets. "imagenet" is for large images, "cifar" for small ones, "tiny-cpu" a small network that
// learns in minutes on two CPU cores.
var Names = []string{"imagenet", "cifar", "tiny-cpu"}

// For returns the preset that is used when none is named: by the side of the images in pixels.
func For(size int) string {
	if size > 64 {
		return "imagenet"
	}
	return "cifar"
}

// Settings returns what a preset sets for a method: first what it sets for all methods, then what for this one.
// A preset that does not know the method sets only the former.
func Settings(name, method string) ([]Setting, error) {
	text, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("unknown preset %q: there are %s", name, strings.Join(Names, ", "))
	}
	var sections map[string]yaml.Node
	if err := yaml.Unmarshal(text, &sections); err != nil {
		return nil, fmt.Errorf("reading preset %s: %w", name, err)
	}
	var all []Setting
	for _, section := range []string{"all", method} {
		node := sections[section]
		for i := 0; i+1 < len(node.Content); i += 2 {
			value, err := yaml.Marshal(node.Content[i+1])
			if err != nil {
				return nil, fmt.Errorf("reading preset %s: %w", name, err)
			}
			all = append(all, Setting{node.Content[i].Value, strings.TrimSpace(string(value))})
		}
	}
	return all, nil
}
