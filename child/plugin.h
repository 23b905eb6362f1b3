/* Handlers of kind plugin; all else goes through kind_plugin. */
#ifndef CHILD_PLUGIN_H
#define CHILD_PLUGIN_H

/* For the model cache: owner is what it was put with. */
void plugin_unload(void *owner, void *model);

#endif
