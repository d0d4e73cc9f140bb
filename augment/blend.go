// SPDX-License-Identifier: Apache-2.0

package augment

// blend returns a + factor*(b-a) in float32, clamped to 0..255 and truncated: Pillow's Image.blend for one level. The
// conversion around the product keeps a compiler from fusing it with the sum, which would round differently.
func blend(a, b int, factor float32) uint8 {
	return truncate(float32(a) + float32(factor*float32(b-a)))
}

// truncate clamps v to 0..255 and drops its fraction. NaN gives 0.
func truncate(v float32) uint8 {
	if v >= 255 {
		return 255
	}
	if v > 0 {
		return uint8(int32(v))
	}
	return 0
}

// luma returns Pillow's L of an RGB pixel: ITU-R 601-2 weights in 16-bit fixed point, rounded.
func luma(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}
