// SPDX-License-Identifier: Apache-2.0

package augment

import "fmt"

// PerChannel returns a recipe for images whose channels are no colours, and says what is different. [ColorJitter]
// becomes [ChannelJitter], [Grayscale] becomes [ChannelMean], and [Equalize], whose histogram has 256 levels, is left
// out. The other operations take any channels: [Solarize] inverts levels about the middle of the channel's range, and
// [RandAugment] leaves out its equalization.
func PerChannel(r Recipe) (out Recipe, changes []string) {
	for _, op := range r {
		var replaced Op
		switch o := op.(type) {
		case ColorJitter:
			replaced = ChannelJitter{P: o.P, Brightness: o.Brightness, Contrast: o.Contrast}
		case Grayscale:
			replaced = ChannelMean(o)
		case Equalize:
			changes = append(changes, "without "+o.Name())
			continue
		default:
			out = append(out, op)
			continue
		}
		out = append(out, replaced)
		changes = append(changes, fmt.Sprintf("%s for %s", replaced.Name(), op.Name()))
	}
	return out, changes
}
