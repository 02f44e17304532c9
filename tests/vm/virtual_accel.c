// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Owns a virtual accelerator: a platform device whose driver makes a DRM accel node and does nothing. For
 * tests/vm/run.sh alone, Linux 6.12 and later; refuses to pass for hardware: all its names say virtual.
 */
#include <linux/module.h>
#include <linux/platform_device.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>

#define NAME "slm_virtual_accel"

DEFINE_DRM_ACCEL_FOPS(virtual_accel_fops);

static const struct drm_driver virtual_accel_driver = {
	.driver_features = DRIVER_COMPUTE_ACCEL | DRIVER_GEM,
	.fops = &virtual_accel_fops,
	.name = NAME,
	.desc = "virtual accelerator for tests",
	.major = 1,
};

static int virtual_accel_probe(struct platform_device *device)
{
	struct drm_device *drm = drm_dev_alloc(&virtual_accel_driver, &device->dev);
	int r;

	if (IS_ERR(drm))
		return PTR_ERR(drm);
	r = drm_dev_register(drm, 0);
	if (r)
		drm_dev_put(drm);
	else
		platform_set_drvdata(device, drm);
	return r;
}

static void virtual_accel_remove(struct platform_device *device)
{
	struct drm_device *drm = platform_get_drvdata(device);

	drm_dev_unplug(drm);
	drm_dev_put(drm);
}

static struct platform_driver virtual_accel_platform_driver = {
	.probe = virtual_accel_probe,
	.remove = virtual_accel_remove,
	.driver = {.name = NAME},
};

static struct platform_device *virtual_device;

static int __init virtual_accel_init(void)
{
	int r = platform_driver_register(&virtual_accel_platform_driver);

	if (r)
		return r;
	virtual_device = platform_device_register_simple(NAME, 0, NULL, 0);
	if (!IS_ERR(virtual_device))
		return 0;
	platform_driver_unregister(&virtual_accel_platform_driver);
	return PTR_ERR(virtual_device);
}

static void __exit virtual_accel_exit(void)
{
	platform_device_unregister(virtual_device);
	platform_driver_unregister(&virtual_accel_platform_driver);
}

module_init(virtual_accel_init);
module_exit(virtual_accel_exit);
MODULE_DESCRIPTION("virtual accelerator for the tests of slm");
MODULE_LICENSE("Dual MIT/GPL");
