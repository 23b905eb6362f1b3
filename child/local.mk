# child
