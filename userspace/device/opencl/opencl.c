#include "opencl.h"
const struct device_ops opencl_device_ops;
int opencl_discover(struct device_list *list, const struct log *log)
{
	return 0;
}
void opencl_forget(struct device_list *list)
{
}
